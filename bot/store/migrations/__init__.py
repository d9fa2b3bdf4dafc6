"""Changes of the database's shape, in order. Alembic runs them (see ``bot/store/migrate.py``); tables are in schema.py."""
