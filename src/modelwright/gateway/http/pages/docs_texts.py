"""The fixed texts of the page with the form, in the language of the server."""

from __future__ import annotations

from collections.abc import Mapping

from modelwright.core.messages import Phrase


def spoken() -> Mapping[str, str]:
    """Return the texts that the page's script shows, by name; it fills in what stands in braces."""
    return {
        "band": str(Phrase("docs.band", share="{share}")),
        "forecast": str(Phrase("docs.forecast", name="{name}")),
        "noAnswer": str(Phrase("docs.no-answer")),
        "noPreview": str(Phrase("docs.no-preview")),
        "noRecording": str(Phrase("docs.no-recording", error="{error}")),
        "none": str(Phrase("docs.none")),
        "preview": str(Phrase("docs.preview", name="{name}")),
        "record": str(Phrase("docs.record")),
        "seconds": str(Phrase("docs.seconds", seconds="{seconds}")),
        "stop": str(Phrase("docs.stop")),
        "sure": str(Phrase("docs.sure", share="{share}")),
        "unseen": str(Phrase("docs.unseen", names="{names}")),
        "waveform": str(Phrase("docs.waveform", name="{name}")),
    }


def written(version: int) -> Mapping[str, str]:
    """Return the texts around the form, as HTML, by the names that the page's template uses."""
    link = '<a href="{0}">{1}</a>'.format
    return {
        "say_all": str(Phrase("docs.all")),
        "say_ask": str(Phrase("docs.ask")),
        "say_from_a_shell": str(Phrase("docs.from-a-shell")),
        "say_json": str(Phrase("docs.json")),
        "say_of_the_interface": str(
            Phrase(
                "docs.of-the-interface",
                openapi=link("openapi.json", "OpenAPI"),
                metrics=link("metrics", "/metrics"),
            )
        ),
        "say_parts": str(Phrase("docs.parts", header="<code>accept: text/event-stream</code>")),
        "say_version": str(Phrase("docs.version", version=version)),
    }
