"""The commands and their options. Exit codes: 0 fine, 1 the user's mistake, 2 usage, 3 a fault of Syncline."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from syncline.kernel.errors import SetupError

from .calls import COMMANDS as CALLING
from .inspecting import COMMANDS, completion
from .keys import COMMANDS as KEYS
from .login import COMMANDS as LOGINS
from .mails import mails
from .moving import COMMANDS as MOVING
from .options import Command, backend_option, data_option, json_option, settings_of
from .scheduled import COMMANDS as SCHEDULED
from .storing import COMMANDS as STORING
from .users import COMMANDS as USERS


def serving_options(command: Command) -> Command:
    for option in (
        click.option(
            "--workers",
            type=int,
            metavar="N",
            help="Serving processes: 1 in this version.  [SYNCLINE_WORKERS]",
        ),
        click.option(
            "--site",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="Static files to serve.  [SYNCLINE_SITE]",
        ),
        click.option(
            "--host", metavar="ADDRESS", help="Where to listen (default: 127.0.0.1).  [SYNCLINE_HOST]"
        ),
        click.option(
            "--port", type=int, metavar="N", help="Port to listen on (default: 3210).  [SYNCLINE_PORT]"
        ),
        click.option(
            "--admin-bind",
            metavar="ADDRESS:PORT",
            help="Where administration is answered, and nowhere else; or unix:PATH.  [SYNCLINE_ADMIN_BIND]",
        ),
        click.option(
            "--url",
            metavar="ORIGIN",
            help="Where browsers reach it (https://app.example.com).  [SYNCLINE_URL]",
        ),
        data_option,
        backend_option,
    ):
        command = option(command)
    return command


class _InOrder(click.Group):
    """Lists its commands as they are written here: those that one begins with come first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="syncline", message="syncline %(version)s")
def syncline() -> None:
    """A transactional document database, typed Python functions, and results that stay live in the browser.

    \b
    syncline new chat && cd chat && syncline dev

    Settings also come from the environment (SYNCLINE_PORT, ...) and from [tool.syncline] in pyproject.toml.

    Exit codes: 0 fine, 1 your mistake (the last line says what to do), 2 a wrong option, 3 a fault of Syncline.
    """


@syncline.command(short_help="Make a new project.")
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(["chat", "html", "vite", "nextjs", "nextjs-clerk"]),
    default="chat",
    help="What to begin with (default: chat).",
)
def new(name: str, template: str) -> int:
    """Make a new project in the folder NAME: backend, page, tests.

    \b
    syncline new shop --template vite

    \b
    The templates:
      chat     a whole chat, with a page in plain HTML and JavaScript
      html     a list of tasks, on one plain page
      vite     the list of tasks with React and TypeScript     (Node 20 or newer)
      nextjs   the same with Next.js and sign-in               (Node 20 or newer)
      nextjs-clerk   the same again, and Clerk signs people in (Node 20 or newer)

    Nothing is downloaded. A folder that holds anything is left alone.
    """
    from .creating import create_project

    return create_project(name, template)


@syncline.command(short_help="Add a table: document, functions, tests.")
@click.argument("table")
@click.argument("fields", nargs=-1, required=True, metavar="FIELD:TYPE...")
@click.option(
    "--owner", metavar="FIELD", default="user_id", help="Field of whose a row is (default: user_id)."
)
@click.option("--no-owner", is_flag=True, help="Rows belong to nobody: everybody sees and changes them.")
@click.option("--module", metavar="NAME", help="Module of the functions (default: the table's name).")
@backend_option
def add(
    table: str, fields: tuple[str, ...], owner: str, no_owner: bool, module: str | None, **flags: object
) -> int:
    """Add a table to the application: its document class, functions that list, create, update and delete
    what belongs to the caller, and their tests. What you have written stays as it is.

    \b
      syncline add messages text:str likes:int=0 channel:channels
      syncline add tasks title:str state:open,done=open 'due:date?' 'tags:list[str]'

    \b
    Types:
      str int float bool bytes int64 datetime date uuid decimal any
      list[T]  dict[T]    of these
      open,done           one of these words
      users               the id of a document of that table
      T?                  T or nothing
      =VALUE              a default

    Every document has an id and a creation time anyway.
    """
    from .creating import add_table

    return add_table(settings_of(flags), table, fields, None if no_owner else owner, module)


@syncline.command(short_help="Run the application here, and reload it on save.")
@serving_options
def dev(**flags: object) -> int:
    """Run the application here: load, serve, and load again on every save.

    \b
    syncline dev
    syncline dev --port 4000 --site web

    Sockets stay open when code changes, and live queries run again with it. Code that does not load leaves the old
    one serving. Clients see errors in full.
    """
    from syncline.server.settings import Mode

    return _serve(Mode.DEV, flags)


@syncline.command(short_help="Run the application in production.")
@serving_options
def start(**flags: object) -> int:
    """Run the application in production: errors are redacted, code is not watched.

    \b
    syncline start --host 0.0.0.0 --data /var/lib/app

    A serving process that dies or is stuck is replaced. SIGTERM ends it when what is under way has finished.
    """
    from syncline.server.settings import Mode

    return _serve(Mode.START, flags)


for _command in CALLING:
    syncline.add_command(_command)


@syncline.command(short_help="Write types of the functions for clients.")
@click.option(
    "--output",
    "typescript",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for TypeScript, inside the frontend's npm package.  [SYNCLINE_TYPESCRIPT]",
)
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A Python module, for syncline.client in other programs.  [SYNCLINE_PYTHON]",
)
@click.option("--check", is_flag=True, help="Write nothing; fail when the files are not up to date.")
@backend_option
def codegen(check: bool, **flags: object) -> int:
    """Write api.js, api.d.ts and dataModel.d.ts for the official client, and a module for clients in Python.

    \b
    syncline codegen --output web/src/_generated
    syncline codegen --python worker/api.py
    syncline codegen --check                          in CI

    `syncline dev` does it on every save, if [tool.syncline] says where: typescript = "web/src/_generated" and
    python = "worker/api.py".
    """
    from .generating import generate_types

    return generate_types(settings_of(flags), check=check)


for _command in (*COMMANDS, *STORING, *MOVING):
    syncline.add_command(_command)


@syncline.command(short_help="Show what ran, and what it printed.")
@click.option("-f", "--follow", is_flag=True, help="Go on as calls come in, until Ctrl-C.")
@click.option("--function", metavar="PATTERN", help="Only these: messages:send, messages:*, admin/*")
@click.option("--kind", type=click.Choice(["query", "mutation", "action"]), help="Only these.")
@click.option("--errors", is_flag=True, help="Only what failed.")
@click.option("--search", metavar="TEXT", help="Only what has this text in its lines or error.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    metavar="N",
    help="At first at most so many (default: 100).",
)
@json_option
@data_option
def logs(
    follow: bool,
    function: str | None,
    kind: str | None,
    errors: bool,
    search: str | None,
    limit: int,
    as_json: bool,
    **flags: object,
) -> int:
    """Show the calls that the running server remembers, the oldest first, with what they printed.

    \b
    syncline logs --follow --errors
    syncline logs --function "messages:*" --json
    """
    from .logs import Wanted, show_logs

    return show_logs(
        settings_of(flags), Wanted(function, kind, errors, search), limit, follow=follow, as_json=as_json
    )


@syncline.group(cls=_InOrder, short_help="Environment variables of the deployment.")
def env() -> None:
    """Environment variables of the deployment: encrypted in the database, changed while the server runs.

    Functions read them as ctx.env["NAME"], and live queries that did so run again when they change. The process has
    them in os.environ, over those that it was started with. Values are never printed in logs.

    \b
    syncline env set STRIPE_KEY            asks for the value, unseen
    syncline env set A=1 B=2
    syncline env set --from-file .env
    """


@env.command("list", short_help="Names of the stored variables.")
@click.option("--values", is_flag=True, help="Show the values, too.")
@json_option
@data_option
def env_list(values: bool, as_json: bool, **flags: object) -> int:
    """Print the names of the stored variables."""
    from .variables import list_variables

    return list_variables(settings_of(flags), values=values, as_json=as_json)


@env.command("get", short_help="Print the value of one.")
@click.argument("name")
@data_option
def env_get(name: str, **flags: object) -> int:
    """Print the stored value of a variable."""
    from .variables import get_variable

    return get_variable(settings_of(flags), name)


@env.command("set", short_help="Set variables.")
@click.argument("assignments", metavar="[NAME[=VALUE]]...", nargs=-1)
@click.option(
    "--from-file", "file", type=click.Path(path_type=Path), metavar="FILE", help="Lines of NAME=VALUE."
)
@data_option
def env_set(assignments: tuple[str, ...], file: Path | None, **flags: object) -> int:
    """Set variables, all or none. Without =VALUE the value is asked for, or read from a pipe."""
    from .variables import set_variables

    return set_variables(settings_of(flags), assignments, file)


@env.command("remove", short_help="Remove variables.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@data_option
def env_remove(names: tuple[str, ...], **flags: object) -> int:
    """Remove stored variables, all or none."""
    from .variables import remove_variables

    return remove_variables(settings_of(flags), names)


for _command in (*SCHEDULED, *LOGINS, *USERS, *KEYS):
    syncline.add_command(_command)


syncline.add_command(mails)
syncline.add_command(completion)


def _serve(mode: object, flags: dict[str, object]) -> int:
    from syncline.server.settings import Mode
    from syncline.server.supervisor import supervise

    assert isinstance(mode, Mode)
    command = ["syncline", *sys.argv[1:]]
    return supervise(settings_of(flags), mode, command, os.environ)


def main() -> None:
    """Entry point of the command `syncline`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command line. Returns the exit code."""
    try:
        result = syncline.main(arguments, prog_name="syncline", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader of our output has left. Python would complain about it once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SetupError as error:
        from syncline.server.errors import show_setup_error

        show_setup_error(error, os.environ)
        return 1
    except Exception:
        import traceback

        traceback.print_exc()
        click.echo("\nerror: this is a fault of Syncline. Please report it with the lines above.", err=True)
        return 3
