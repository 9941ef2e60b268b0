-- Two databases on one server: Rasa's conversations and the clinic's records never share a table.
CREATE DATABASE conversations;
CREATE DATABASE clinic;
