"""Addresses of the review desk. None of them holds anything about a person: a conversation is its number."""

from django.urls import path

from clinic.review import answers, dashboard, diary, improving, views

app_name = "review"
urlpatterns = [
    path("inbox/", views.inbox_page, name="inbox"),
    path("inbox/bulk/", views.bulk, name="bulk"),
    path("inbox/view/", views.save_view, name="save_view"),
    path("talks/<int:pk>/", views.talk_page, name="talk"),
    path("talks/<int:pk>/sort/", views.sort, name="sort"),
    path("talks/<int:pk>/note/", views.write_note, name="note"),
    path("talks/<int:pk>/unmask/", views.unmask, name="unmask"),
    path("talks/<int:pk>/live/", answers.live, name="live"),
    path("messages/<int:pk>/correct/", views.correct, name="correct"),
    path("messages/<int:pk>/detail/", answers.detail, name="detail"),
    path("handoffs/<str:reference>/take/", answers.take, name="take"),
    path("handoffs/<str:reference>/write/", answers.write, name="write"),
    path("handoffs/<str:reference>/done/", answers.give_back, name="give_back"),
    path("diary/", diary.diary, name="diary"),
    path("diary/<str:reference>/change/", diary.change, name="change"),
    path("diary/<str:reference>/move/", diary.move, name="move"),
    path("requests/", diary.request_list, name="requests"),
    path("requests/<str:reference>/close/", diary.close_request, name="close_request"),
    path("requests/<str:reference>/confirm/", diary.confirm, name="confirm"),
    path("undelivered/", diary.undelivered, name="undelivered"),
    path("undelivered/<int:pk>/again/", diary.try_again, name="try_again"),
    path("figures/", dashboard.dashboard, name="figures"),
    path("figures/unknown/", dashboard.not_known, name="unknown"),
    path("corrections/", improving.corrections, name="corrections"),
    path("corrections/patch/", improving.write, name="write_patch"),
    path("corrections/<int:pk>/drop/", improving.drop, name="drop"),
    path("log/", dashboard.log, name="log"),
]
