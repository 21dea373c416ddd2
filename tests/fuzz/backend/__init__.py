"""An application that takes anything."""
