"""`data.labels`, which gives labels one name each; and when two look alike."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping

import polars as pl

from modelwright import kinds
from modelwright.core.messages import DataError, Problem, did_you_mean
from modelwright.core.messages.setting import escaped
from modelwright.core.signature import Field, Signature
from modelwright.stages.data.classes import label_counts
from modelwright.stages.data.config import DataConfig

# Letters of Cyrillic and Greek that are drawn as Latin ones (Unicode Technical Standard 39, confusables).
_DRAWN_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u0410"
    "\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405\u0391"
    "\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf",
    "aeopcyxijshdqwABEKMHOPCTYXIJSABEZHIKMNOPTYXo",
)
_INVISIBLE = re.compile("[\\u0300-\\u036f\\ufe00-\\ufe0f]")  # marks that are left alone by NFKC, and variants


def appearance(label: str) -> str:
    """Return what is left of a label without what a reader may not see: equal for labels that look alike.

    Left out are zero-width and control characters, variants of a character (NFKC), case, white space, quotation marks
    and a dot at the end; letters of other scripts that are drawn as Latin ones are those.
    """
    text = unicodedata.normalize("NFKC", label).translate(_DRAWN_ALIKE)
    seen = (one for one in text if unicodedata.category(one) not in {"Cc", "Cf", "Zs", "Zl", "Zp"})
    plain = _INVISIBLE.sub("", "".join(seen)).casefold().strip("\"'`\u201c\u201d\u2018\u2019")
    return plain.rstrip(".\u3002\uff0e") or plain


def visible(label: str) -> str:
    """Return a label in which what cannot be seen, or is drawn as another letter, stands as an escape."""
    return "".join(
        f"\\u{ord(one):04x}" if one.translate(_DRAWN_ALIKE) != one else one for one in escaped(label)
    )


def alike(counts: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield groups of labels that look alike, in each the most frequent first; counts: label → rows."""
    groups: dict[str, list[str]] = {}
    for label in sorted(counts, key=lambda name: (-counts[name], name)):
        groups.setdefault(appearance(label), []).append(label)
    for group in groups.values():
        if len(group) > 1:
            yield group


class Labels:
    """Gives the labels of outputs other names, as `data.labels` says."""

    def __init__(self, signature: Signature, config: DataConfig) -> None:
        self._names = config.labels
        self._seen: dict[str, Counter[str]] = {name: Counter() for name in self._names}
        outputs = {field.name: field for field in signature.outputs}
        problems = []
        for name in self._names:
            if name not in outputs:
                near = did_you_mean(name, list(outputs))
                problems.append(Problem("data.labels-of-what", name=name, near=near, outputs=list(outputs)))
            elif not kinds.value(outputs[name].kind).labelled or kinds.value(outputs[name].kind).fixed_labels:
                problems.append(Problem("data.labels-of-kind", name=name, kind=outputs[name].kind))
        if problems:
            raise DataError(problems)

    def renamed(self, field: Field, truths: pl.Series) -> pl.Series:
        """Return the truths (n,) of an output, as its kind stores them, under their new names."""
        names = self._names.get(field.name)
        if not names:
            return truths
        self._seen[field.name] += label_counts(field, truths)
        if truths.dtype == pl.List(pl.String):
            renamed = truths.list.eval(pl.element().replace(dict(names))).list.unique().list.sort()
            return renamed.alias(truths.name)
        return truths.replace(dict(names))

    def require_known(self) -> None:
        """Raise DataError for labels that no row has."""
        problems = []
        for output, names in self._names.items():
            known = list(self._seen[output])
            for name in names:
                if name not in known:
                    near = did_you_mean(name, known)
                    problems.append(
                        Problem("data.unknown-class", section="labels", name=visible(name), near=near)
                    )
        if problems:
            raise DataError(problems)
