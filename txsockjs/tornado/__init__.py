"""The API of sockjs-tornado, module by module and name by name."""
