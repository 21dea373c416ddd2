"""New projects and new tables: text for applications that are yet to be written."""

from .adding import Change, NewTable, plan_table
from .catalog import TEMPLATES, Template
from .project import check_folder, check_name, write_files
from .table import example_arguments

__all__ = [
    "TEMPLATES",
    "Change",
    "NewTable",
    "Template",
    "check_folder",
    "check_name",
    "example_arguments",
    "plan_table",
    "write_files",
]
