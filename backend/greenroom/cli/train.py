"""`greenroom train NAME --data FILE`: the options. Nothing but argparse is imported until the command runs."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

FAILED = 1
MIN_ACCURACY = 0.75
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_ALIAS = re.compile(r"(?!(?:v\d+|latest)$)[\w-]{1,255}", re.IGNORECASE)
"""What MLflow takes for one; it would say so only once the version is trained and registered."""
_STATUS = (
    "The exit status is 0 when the version is written (and registered, where there is a registry), 1 when something "
    "failed, 2 when the command or the data are wrong, 3 when the accuracy is below --min-accuracy."
)
Commands = argparse._SubParsersAction  # the type has no public name


def add_train(commands: Commands[argparse.ArgumentParser]) -> None:
    """Put `train` among the commands of `greenroom`."""
    means = "learn a text classifier from labelled texts"
    train = commands.add_parser("train", help=means, description=means.capitalize() + ".", epilog=_STATUS)
    train.add_argument("name", type=_name, metavar="NAME", help="the model's name, such as sentiment")
    train.add_argument("--data", type=Path, required=True, metavar="FILE", help="CSV with the columns text and label")
    train.add_argument("--test", type=Path, metavar="FILE", help="texts apart, that decide whether it is good enough")
    train.add_argument("--text-column", default="text", metavar="NAME", help="(%(default)s)")
    train.add_argument("--label-column", default="label", metavar="NAME", help="(%(default)s)")
    train.add_argument("--encoder", metavar="SOURCE", help="such as hf:org/name@commit (the default model)")
    train.add_argument("--folder", type=Path, help="where the version goes (trained/NAME in GREENROOM_DATA)")
    train.add_argument("--mistakes", type=Path, metavar="FILE", help="write the texts that it judged wrong as CSV")
    train.add_argument("--seed", type=int, default=0, help="of the split (%(default)s)")
    train.add_argument("--tracking-uri", metavar="URI", help="MLflow's, to register the version (MLFLOW_TRACKING_URI)")
    train.add_argument(
        "--alias", type=_alias, help="that is to name the version, if it is good enough; such as production"
    )
    train.add_argument(
        "--min-accuracy", type=_share, default=MIN_ACCURACY, metavar="SHARE",
        help="on the test, or without one on the texts held out; below it no alias is moved (%(default)s)",
    )  # fmt: skip
    train.set_defaults(command=_train)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no model name: letters, digits, '.', '_' and '-'")
    return text


def _alias(text: str) -> str:
    if not _ALIAS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no alias: letters, digits, '_' and '-', not 'latest', not 'v1'")
    return text


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _train(options: argparse.Namespace) -> int:
    import sys

    from greenroom.training.command import train
    from greenroom.wording import without_button
    from greenroom.words import ConfigError, GreenroomError

    try:
        return train(options)
    except ConfigError:
        raise
    except GreenroomError as error:
        print(f"greenroom: {without_button(str(error))}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("greenroom: stopped; nothing was registered", file=sys.stderr)
        return FAILED
