"""New projects and new tables: text for applications that are yet to be written."""

from .catalog import TEMPLATES, Template
from .project import check_folder, check_name, write_files

__all__ = ["TEMPLATES", "Template", "check_folder", "check_name", "write_files"]
