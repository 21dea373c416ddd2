"""New projects and new tables: text for applications that are yet to be written."""

from .adding import Change, NewTable, plan_table
from .catalog import TEMPLATES, Template
from .project import check_folder, check_name, write_files

__all__ = [
    "TEMPLATES",
    "Change",
    "NewTable",
    "Template",
    "check_folder",
    "check_name",
    "plan_table",
    "write_files",
]
