"""Stage publish: which repository the result would go to, and which files. Sending takes a flag and a token.

What would be uploaded is the result's folder without the run's own report; nothing is copied for it. The list
is written to ``publish-list.json`` beside it.
"""

import json
import re
from collections.abc import Mapping

from forge.folders import write_atomically
from forge.stages.base import Determinism, FinalContext, StageContext, StageResult
from verifier.errors import DocumentError, EvidenceMissingError
from verifier.evidence.paths import check_repo
from verifier.verdicts import JSON

LIST = "publish-list.json"
_FIELD = re.compile(r"\{(\w+)\}")


def run(context: StageContext) -> StageResult:
    """Record that the result is meant to be published; the rest happens once it is complete.

    Raises:
        EvidenceMissingError: an upload is wanted and there is no token.
    """
    if context.upload:
        check_token()
    return StageResult(
        record={"done": "when the result is complete", "uploads": "only with --upload"},
        determinism=Determinism.BYTES,
    )


def finish(final: FinalContext) -> Mapping[str, JSON]:
    """Write the list of what belongs to the repository; upload it if that is wanted.

    Raises:
        DocumentError: the repository's name cannot be told from the recipe.
        EvidenceMissingError: no token, or the Hub refuses.
    """
    stage = final.document["stages"][final.index]
    repo = repository(final.document, stage)
    if LIST in final.files:
        raise DocumentError(f"side files: expected names that the result does not use; found {LIST!r}")
    files = [
        path for path in final.files if stage.get("includeAlloy", True) or not path.endswith(".alloy.json")
    ]
    sizes = {path: (final.out / path).stat().st_size for path in files}
    listed = {
        "repository": repo,
        "private": bool(stage.get("private", False)),
        "tags": list(stage.get("tags") or []),
        "bytes": sum(sizes.values()),
        "files": [{"path": path, "size": sizes[path]} for path in files],
    }
    write_atomically(final.out / LIST, (json.dumps(listed, indent=1) + "\n").encode())
    if not final.upload:
        return {
            "repository": repo,
            "uploaded": False,
            "reason": "dry run: --upload was not given",
            "list": LIST,
        }
    return {"repository": repo, "uploaded": True, "commit": _upload(final, listed), "list": LIST}


def repository(document: Mapping[str, JSON], stage: Mapping[str, JSON]) -> str:
    """``owner/name``: ``org``, and ``repoNameTemplate`` with its fields filled in, or the alloy's name.

    Fields are ``{name}``, ``{base}`` (the base model's name without its owner, lower case) and ``{domain}``
    (of the first training stage that states one).

    Raises:
        DocumentError: a field that is not known or not stated, or a name that no repository can have.
    """
    domains = [s["domain"] for s in document["stages"] if isinstance(s.get("domain"), str)]
    known = {
        "name": document["name"],
        "base": str(document["source"]["baseModel"]).rstrip("/").rpartition("/")[2].lower(),
        **({"domain": domains[0]} if domains else {}),
    }
    template = stage.get("repoNameTemplate") or "{name}"
    unknown = [f for f in _FIELD.findall(str(template)) if f not in known]
    if not isinstance(template, str) or unknown:
        raise DocumentError(
            f"repoNameTemplate: expected only the fields {', '.join(sorted(known))}; found {template!r:.200}",
            pointer="/stages",
            remedy="correct the template, or state the domain in the train stage",
        )
    return check_repo(f"{stage['org']}/{_FIELD.sub(lambda m: str(known[m[1]]), template)}")


def check_token() -> None:
    """Refuse an upload that nobody is logged in for.

    Raises:
        EvidenceMissingError: there is no token.
    """
    from huggingface_hub import get_token

    if get_token() is None:
        raise EvidenceMissingError(
            "--upload: expected an access token; found none",
            remedy="hf auth login, or set HF_TOKEN",
        )


def _upload(final: FinalContext, listed: Mapping[str, JSON]) -> str:
    from huggingface_hub import HfApi

    from verifier.evidence import hub_errors

    check_token()
    api, repo = HfApi(), str(listed["repository"])
    paths = [file["path"] for file in listed["files"]]
    final.on_progress(f"uploading to {repo}", 0, len(paths))
    try:
        api.create_repo(repo, private=bool(listed["private"]), exist_ok=True)
        made = api.upload_folder(
            repo_id=repo,
            folder_path=final.out,
            allow_patterns=[_literally(path) for path in paths],
            commit_message=f"{final.document['name']}",
        )
    except Exception as error:  # anything may come out of a third-party client
        raise hub_errors.translate(error, repo) from error
    final.on_progress(f"uploading to {repo}", len(paths), len(paths))
    return str(made.oid)


def _literally(path: str) -> str:
    """A pattern that fits this path alone."""
    return re.sub(r"([*?[])", r"[\1]", path)
