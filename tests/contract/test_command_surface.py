"""The commands and options that users' scripts rely on; a change here is a change for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cyclopts import App

from abag.apps.cli import build_app

SURFACE: dict[str, str] = {
    # command -> options, in any order; arguments without a name in capitals
    "predict": "--model --heavy --light --antigen --table --out --map --parent --parent-heavy "
    "--parent-light --numbering --chains --arm --most-umis --keep-going --level --abstain "
    "--resume --keep-columns --sort --top --json",
    "screen": "LIBRARY --out --antigen --model --best --where --by --alike --parent --parent-heavy "
    "--parent-light --numbering --map --chains --arm --most-umis --level --shard-rows --processes "
    "--ray --overwrite --json",
    "explain": "--heavy --light --antigen --parent --name --structure --chains --arm --most-umis "
    "--model --substitutes --out --overwrite --json",
    "fit": "TABLE --model --out --split --part --holdout --assay --set --seed --calibrate "
    "--calibration-folds --overwrite --json",
    "evaluate": "TABLE --split --model --out --target --seed --bootstrap --audit --title "
    "--overwrite --json",
    "split": "TABLE --strategy --out --folds --train --val --test --seed --threshold "
    "--antibody-threshold --antigen-threshold --json",
    "audit": "TABLE --split --out --seed --fail-on-leak --overwrite --json",
    "number": "FASTA --sequence --map --chains --arm --most-umis --out --json",
    "benchmark saaint": "--sources --out --model --rows --folds --seed --bootstrap --overwrite "
    "--json",
    "benchmark door": "--sources --out --opened --folds --seed --json",
    "data sources": "--json",
    "data build": "--sources --out --only --licence --json",
    "data import": "FILE --out --map --unit --quantity --labels --light --antigen "
    "--ignore-unlabelled --chains --arm --most-umis --numbering --quarantine --explain --json",
    "data check": "TABLE --others --column --unit --quantity --json",
    "data merge": "TABLE --out --across-assays --json",
    "demo": "--out --json",
    "simulate": "ASSAY_FILE --sources --landscapes --out --map --unit --quantity --assay "
    "--parent-heavy --parent-light --numbering --quarantine --keep-strangers --arm --start "
    "--rounds --batch --top --most --seeds --first-seed --acquisition --diversity --beta "
    "--noise --first-plate --processes --ray --json",
    "propose": "--model --campaign --heavy --light --parent --name --chains --arm --most-umis --n "
    "--out --max-mutations "
    "--cdrs --positions --freeze --untried --max-untried --letters --numbering --liabilities "
    "--least-natural --acquisition --diversity --beta --most-repeats --singles --budget "
    "--cost-variant --cost-mutation --keep --lose --margin --least-human --most-from-germline "
    "--least-charge --most-charge --pareto --controls --replicates --exclude --seed --overwrite "
    "--json",
    "scan": "--heavy --light --parent --structure --name --antigen --model --out --cdrs "
    "--positions --chains --arm --most-umis --numbering --exclude-cysteine --naturalness --level "
    "--overwrite --json",
    "serve": "--data --host --port --jobs-at-once --most-waiting --job-minutes --keep-days "
    "--upload-megabytes --body-seconds --store-megabytes --requests-a-minute --new-key --json",
    "train": "TABLE --recipe --split --out --resume --holdout --encoder --antibody-encoder "
    "--antigen-encoder --antibody-folder --antigen-folder --store --set --device --stop-after "
    "--save-every --tensorboard --wandb --mlflow --audit --json",
    "release": "RUN_OR_MODEL --version --out --name --date --licence --author --homepage --new "
    "--migration --pull-from --earlier --compare-on --table --split --overwrite --json",
    "pull": "MODEL --source --endpoint --again --json",
    "models": "--card --json",
    "compare": "RUNS --out --overwrite --json",
    "tune": "TABLE --recipe --split --out --trials --search --holdout --encoder "
    "--antibody-encoder --antigen-encoder --store --set --device --json",
}
"""Commands of measurements, models and predictions; others are held to the rules alone."""


def commands(app: App, above: str = "") -> Iterator[tuple[str, App]]:
    """Every command that does something, with its full name."""
    for name in app:
        if name.startswith("-"):
            continue
        command = app[name]
        full = f"{above} {name}".strip()
        if command.default_command is None:
            yield from commands(command, full)
        else:
            yield full, command


def options(command: App) -> dict[str, str]:
    """Names as in :data:`SURFACE`, each with its help."""
    found = {}
    for argument in command.assemble_argument_collection(parse_docstring=True):
        positional = argument.field_info.is_positional
        names = [name for name in argument.names if name.startswith("--")]
        if not names and not positional:
            continue  # a group of options, which follow one by one
        name = argument.field_info.name.upper() if positional else names[0]
        found[name] = argument.parameter.help or ""
    return found


COMMANDS = dict(commands(build_app()))


def test_every_command_of_the_list_is_there():
    assert set(SURFACE) <= set(COMMANDS)


@pytest.mark.parametrize("name", SURFACE)
def test_a_command_keeps_its_options(name: str):
    assert set(options(COMMANDS[name])) == set(SURFACE[name].split())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_speaks_to_machines_and_explains_each_option(name: str):
    found = options(COMMANDS[name])
    assert "--json" in found
    assert not [option for option, text in found.items() if not text.strip()]
    assert COMMANDS[name].help.strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_switch_is_offered_in_the_negative_without_sense(name: str):
    arguments = COMMANDS[name].assemble_argument_collection(parse_docstring=True)
    (json,) = (one for one in arguments if "--json" in one.names)
    assert "--no-json" not in [*json.names, *json.negatives]
