"""The commands and their options; each is done by the module of its name."""

from pathlib import Path
from typing import Annotated

import typer

import viva
from viva.client import DEFAULT_URL

app = typer.Typer(
    name="viva",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"viva {viva.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Ask a recorded lecture questions out loud, and hear the answer."""


Url = Annotated[str, typer.Option("--url", envvar="VIVA_URL", help="Where Viva is.")]
DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="VIVA_DATA_DIR", help="Where recordings, history, logs and samples are kept."),
]
AudioFile = Annotated[
    Path | None, typer.Option("--audio", exists=True, dir_okay=False, help="A recording of the question.")
]
Recording = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="A recording: WAV, MP3, M4A, Ogg, FLAC or WebM.")
]


@app.command()
def run(
    data_dir: DataDir = Path(".viva"),
    port: Annotated[int, typer.Option(envvar="VIVA_PORT", min=1, max=65535, help="Port of the public API.")] = 8080,
    host: Annotated[str, typer.Option(envvar="VIVA_HOST", help="Address to listen on.")] = "127.0.0.1",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print what every part logs.")] = False,
    observe: Annotated[
        bool, typer.Option("--observe", help="Start Prometheus too, and Grafana where it is installed.")
    ] = False,
) -> None:
    """Keep the whole stack up on this machine until Ctrl-C."""
    from viva.cli.run import keep_up
    from viva.stack.plan import Place

    raise typer.Exit(keep_up(Place(data_dir, port, host), verbose=verbose, observe=observe))


@app.command()
def demo(data_dir: DataDir = Path(".viva")) -> None:
    """Start the stack, ask the sample lecture two spoken questions, stop."""
    from viva.cli.demo import run_demo

    raise typer.Exit(run_demo(data_dir))


@app.command()
def upload(
    file: Recording,
    title: Annotated[str | None, typer.Option(help="What the lecture is called; the file's name, unless said.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Transcribe it anew though it is known, with a better model, say.")
    ] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Upload a recording and wait until it is transcribed; prints its id."""
    from viva.cli.upload import upload_file

    upload_file(url, file, title, again=again)


@app.command()
def ask(
    lecture: Annotated[
        str,
        typer.Option(help="A lecture's id, a recording to upload first, or `sample` for the sample lecture."),
    ],
    text: Annotated[str | None, typer.Option(help="The question.")] = None,
    audio: AudioFile = None,
    session: Annotated[str | None, typer.Option(help="The conversation that the question continues.")] = None,
    save: Annotated[Path | None, typer.Option(dir_okay=False, help="Where to save the spoken answer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the turn's events, one a line.")] = False,
    data_dir: DataDir = Path(".viva"),
    url: Url = DEFAULT_URL,
) -> None:
    """Ask one question about a lecture."""
    from viva.cli.ask import ask_question

    if (text is None) == (audio is None):
        raise typer.BadParameter("give the question as either --text or --audio", param_hint="--text / --audio")
    if not lecture.strip():
        raise typer.BadParameter("there is no lecture in it", param_hint="--lecture")
    if text is not None and not text.strip():
        raise typer.BadParameter("there is no question in it", param_hint="--text")
    question = audio if audio is not None else text or ""
    samples = data_dir / "samples"
    raise typer.Exit(ask_question(url, lecture, question, samples=samples, session=session, save=save, as_json=as_json))


@app.command()
def lectures(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List the lectures of the server, newest first."""
    from viva.cli.lectures import list_lectures

    list_lectures(url, as_json=as_json)


@app.command()
def delete(
    lecture_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As `viva lectures` lists them.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Delete lectures: the recordings, and everything derived from them."""
    from viva.cli.lectures import delete_lectures

    delete_lectures(url, lecture_ids)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print what the server says as a JSON object.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Show the engine, model and load of every stage."""
    from viva.cli.status import show_status

    show_status(url, as_json=as_json)


@app.command()
def models(
    names: Annotated[list[str] | None, typer.Argument(help="Which ones; without names the default ones.")] = None,
    models_dir: Annotated[
        Path, typer.Option(envvar="VIVA_MODELS_DIR", help="Where the models go and the engines look.")
    ] = Path(".viva/models"),
    hub: Annotated[
        str, typer.Option(envvar="HF_ENDPOINT", help="The hub, or a mirror of it.")
    ] = "https://huggingface.co",
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Fetch nothing: list what is missing and where it belongs.")
    ] = False,
) -> None:
    """Fetch the real speech models (Whisper, Piper), pinned and checksummed."""
    from viva.cli.models import fetch_models, list_by_hand

    (list_by_hand if by_hand else fetch_models)(names or [], models_dir, hub)


@app.command()
def plan(
    report: Annotated[
        Path,
        typer.Argument(
            dir_okay=False, help="report.json of a load test; `make loadtest SCENARIO=embedded` writes one."
        ),
    ],
    people: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            max=10_000_000,
            help="People a day, 1000 unless said; several make several plans. A million take some 15 s of simulation, "
            "five times that with --sensitivity.",
        ),
    ] = None,
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            help="Kind of GPU node, or `none`; without it all are tried, and the cheapest is taken, or, without "
            "--prices, the one of which the fewest are needed."
        ),
    ] = None,
    slo: Annotated[float, typer.Option(min=0.01, help="Seconds to the first audio, p95.")] = 1.5,
    shed: Annotated[float, typer.Option(min=0, max=1, help="Share of questions that may be refused.")] = 0.001,
    habits: Annotated[Path | None, typer.Option(dir_okay=False, help="What people do (viva/plan/habits.toml).")] = None,
    nodes: Annotated[
        Path | None, typer.Option(dir_okay=False, help="What nodes can do (viva/plan/nodes.toml).")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(dir_okay=False, help="What things cost: a copy of k8s/eks-cost.toml, filled in.")
    ] = None,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Also plan with one thing changed at a time.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plans as JSON.")] = False,
) -> None:
    """Say how many replicas and nodes so many people need, what they cost, and what breaks first."""
    from viva.cli.plan import Wanted, plan_capacity
    from viva.plan.search import Objective

    plan_capacity(
        Wanted(
            report=report,
            people=[float(number) for number in people or [1000]],
            gpus=gpu or [],
            objective=Objective(slo * 1000, shed),
            habits=habits,
            nodes=nodes,
            prices=prices,
            sensitivity=sensitivity,
            as_json=as_json,
        )
    )
