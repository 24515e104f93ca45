"""docs/findings.md tells of every refuted or unverifiable claim of the reviewed published catalog."""

from pathlib import Path

from verifier.catalog import Catalog
from verifier.report import expected


def test_every_refuted_or_unverifiable_claim_is_told():
    catalog = Catalog.find()
    page = (catalog.root.parent / "docs" / "findings.md").read_text(encoding="utf-8")
    entries = catalog.entries("published")
    assert len(entries) == 18
    for entry in entries:
        section = page.partition(f"\n## {entry.name}\n")[2].partition("\n## ")[0]
        reviewed = expected.read(Path(catalog.verdicts_path(entry)))
        assert reviewed, f"{entry.name} has no reviewed verdicts"
        for claim_id, fact in reviewed.items():
            told = f"`{claim_id.removeprefix(entry.name + '-')}` at" in section
            assert told == (fact["verdict"] in ("REFUTED", "UNVERIFIABLE")), claim_id
