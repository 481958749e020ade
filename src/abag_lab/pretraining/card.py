"""The card of a trained encoder: what it is, what it learnt from, how good, where it ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from abag.files import write_text
from abag.version import VERSION
from abag_lab.pretraining.config import PretrainConfig

if TYPE_CHECKING:
    from abag_lab.pretraining.loop import PretrainingProgress

LEFT_OUT: Final = {
    "oas_light_covid": "PolyForm Noncommercial",
    "ha_abs": "licence not stated",
    "avida_sarscov2": "CC BY-NC 4.0",
    "non-commercial affinity tables": "their licences",
}

LIMITS: Final = (
    "A small network, briefly trained. It knows the frameworks and germline loops of human "
    "antibodies; CDR-H3 it can hardly predict. Do not read its likelihoods as fitness.",
    "Antigens: where its perplexity in the table is not below that of the letters, its rows say "
    "which residue stands where and little more. Use a protein language model for antigens.",
    "Nearly all antibodies of the corpus are human, and about half of them bind a coronavirus; "
    "the antigens are several hundred chains of structure and mutant tables, a third of them one "
    "cluster (coronavirus spike). Nanobodies are few: the large sets are non-commercial.",
    "Its corpus holds, without labels, chains of tables on which affinity models are later "
    "measured (SAAINT-DB, AlphaBind, AttABseq): no label leaks, but the chains of a test part "
    "may have been seen. Do not use it to claim that an encoder transfers to unseen chains.",
    "Clusters are held out by CDR-H3; the germline genes of held-out antibodies are those of the "
    "training ones. Framework figures show how well germline is known, not new families.",
    "A longer run of the same recipe on more sequences gives a better encoder.",
)


def hardware_in_words() -> str:
    """The accelerator, or the number of CPU cores this process may use."""
    import torch

    if torch.cuda.is_available():
        return f"one {torch.cuda.get_device_name()}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} CPU cores, {torch.get_num_threads()} thread(s)"


def make_card(
    config: PretrainConfig,
    manifest: dict[str, Any],
    progress: PretrainingProgress,
    parameters: int,
    revision: str,
    perplexity: dict[str, Any],
    hardware: str,
) -> dict[str, Any]:
    """The card as a JSON object; everything in it is read from the run."""
    return {
        "id": "builtin",
        "abag_version": VERSION,
        "revision": revision,
        "licence": "MIT",
        "width": config.width,
        "max_residues": config.crop_residues,
        "parameters": parameters,
        "precision_of_the_file": "fp16",
        "recipe": config.model_dump(),
        "training": {
            "steps": progress.step,
            "steps_planned": config.steps,
            "finished": progress.step >= config.steps,
            "epochs": progress.epoch,
            "tokens": progress.tokens,
            "wall_seconds": round(progress.seconds),
            "hardware": hardware,
            "changes_on_resuming": progress.changes,
        },
        "corpus": manifest,
        "corpus_left_out": LEFT_OUT,
        "held_out_perplexity": perplexity,
        "limits": list(LIMITS),
    }


def render_card(path: Path, card: dict[str, Any]) -> None:
    """Write the card as Markdown."""
    training = card["training"]
    share = "" if training["finished"] else f" of {training['steps_planned']:,} planned"
    lines = [
        "# The built-in encoder",
        "",
        f"A transformer encoder of residues with {card['parameters']:,} parameters, "
        f"{card['width']} numbers a residue, trained by masked language modelling on antibodies "
        "(heavy and light chain together, each behind a token of its type) and antigen chains. "
        f"Weights: {card['licence']}, half precision, revision `{card['revision']}`.",
        "",
        "## Training",
        "",
        f"{training['steps']:,} steps{share}, {training['tokens'] / 1e6:.1f} million tokens "
        f"({training['epochs']} full epochs), {training['wall_seconds'] / 60:.0f} minutes on "
        f"{training['hardware']}. Recipe:",
        "",
        "```json",
        *_json_lines(card["recipe"]),
        "```",
        "",
        *_changes(training["changes_on_resuming"]),
        "## Held-out perplexity of hidden residues",
        "",
        *_perplexity_lines(card["held_out_perplexity"]),
        "",
        "## Corpus",
        "",
        *_corpus_lines(card["corpus"]),
        "",
        "Left out because of their licence: "
        + "; ".join(f"{name} ({why})" for name, why in card["corpus_left_out"].items())
        + ".",
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in card["limits"]),
        "",
    ]
    write_text(path, "\n".join(lines))


def _json_lines(content: dict[str, Any]) -> list[str]:
    import json

    return json.dumps(content, indent=2, sort_keys=True).splitlines()


def _changes(changes: list[dict[str, Any]]) -> list[str]:
    if not changes:
        return []
    changes_at_steps = [
        f"at step {change['step']:,} "
        + ", ".join(f"`{key}` was set to {value}" for key, value in change.items() if key != "step")
        for change in changes
    ]
    return ["Changed on resuming: " + "; ".join(changes_at_steps) + ".", ""]


def _perplexity_lines(result: dict[str, Any]) -> list[str]:
    total = result["all"]
    lines = [
        f"{total['molecules']:,} molecules of held-out clusters (CDR-H3 at 80 % identity; antigens "
        "at 50 %), 15 % of their residues hidden; "
        f"{total['known_light_residues_left_out']:,} hidden residues of light chains that also "
        "occur letter for letter in training are not counted. Lower is better; 20 is a guess. "
        "Letters: frequencies by chain type. Trigram: interpolated, read from both sides. IMGT "
        "profile: frequencies at the residue's IMGT position, which needs numbering.",
        "",
        "| where | hidden residues | network | top-1 | letters | trigram | IMGT profile |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in result.items():
        profile = f"{row['profile']:.2f}" if "profile" in row else ""
        lines.append(
            f"| {name} | {row['residues']:,} | {row['model']:.2f} | {row['accuracy']:.1%} | "
            f"{row['unigram']:.2f} | {row['trigram']:.2f} | {profile} |"
        )
    return lines


def _corpus_lines(manifest: dict[str, Any]) -> list[str]:
    lines = ["| part | role | molecules | clusters | with light chain | residues |"]
    lines.append("|---|---|---|---|---|---|")
    for row in manifest["counts"]:
        part = "held out" if row["held_out"] else "training"
        lines.append(
            f"| {part} | {row['role']} | {row['molecules']:,} | {row['clusters']:,} | "
            f"{row['paired']:,} | {row['residues']:,} |"
        )
    lines += ["", f"Digest `{manifest['digest'][:16]}`. By file:", ""]
    lines.append("| source | file | SHA-256 | licence | rows | antibodies | antigens |")
    lines.append("|---|---|---|---|---|---|---|")
    stated: dict[str, str] = {}
    for file in manifest["files"]:
        kept = file["kept"]
        stated[file["source"]] = f"{file['licence']} ({file['licence_stated']})"
        lines.append(
            f"| {file['source']} | {file['file']} | `{file['sha256'][:12]}` | {file['licence']} | "
            f"{file['rows']:,} | {kept.get('antibodies', 0):,} | {kept.get('antigens', 0):,} |"
        )
    lines += ["", "Licences: " + "; ".join(f"{s}: {t}" for s, t in stated.items()) + "."]
    return lines
