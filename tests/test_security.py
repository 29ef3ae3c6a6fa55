"""What others wrote is data: it is never run, obeyed or followed."""

from __future__ import annotations

import ast
import csv
import html
import io
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from pipeline import command, display, evidence, outputs, report, streams
from pipeline.bench.reference import load_module
from pipeline.errors import InputError
from pipeline.findings import Findings
from pipeline.report import exports
from pipeline.report.text import clean_run
from pipeline.subcommands import reproduce
from pipeline.summary import summary_text

from . import recorded
from .conftest import ROOT, Command
from .recorded import Told, Work

PACKAGE = ROOT / "pipeline"
RUNS_CODE = {
    "pipeline/bench/check.py": {"pickle.loads"},  # an arm's results, by another arm of the same trial
    "pipeline/bench/workload.py": {"pickle.load"},  # inputs, by the conductor for its own arms
    "pipeline/bench/reference.py": {"exec", "compile"},  # the measured code
    "pipeline/matrix.py": {"pickle.loads"},  # what was pickled in the same process
}
"""Who may do what runs code, and with what."""
RISKY = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp", "marshal.loads"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "cloudpickle.loads", "shelve.open", "pandas.read_pickle"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all"),
}
EVIL = (
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "\n=1", " =1", "a;=cmd|' /C calc'!A0"),
    'a;"=1+1;b',
    *("a\n=1+1", "a; \t+1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20A1", "\u22121"),
    *("1. one", "2) two", "- minus", "+ plus", "===", "- - -", "## head"),
    *("<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "</title></style></svg><script>x</script>"),
    *(
        "| a | b |",
        "`code`",
        "[link](javascript:alert(1))",
        "![image](//evil)",
        "&lt;b&gt;",
        "# head",
        "$x^2$",
        "~~no~~",
    ),
    *("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\rb", "\x9b31m", "\u202egnirts", "\u2066x", "\x00", "\udcff"),
    *("\u200bno\u00adthing\ufeff", "\u200eleft", "\u200fright", "\u061carabic"),
    *("${workers}", "{{ 7*7 }}", "{0.__class__}", "%s", "../../up", "javascript:alert(1)"),
)


UNSEEN = "\x7f\x9b\u061c\u200e\u200f\u202e\u2066\u00ad\u200b\ufeff"


def _calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def _sources() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "conf" not in path.relative_to(PACKAGE).parts]


def test_nothing_is_unpickled_or_evaluated_but_the_measured_code_and_our_own() -> None:
    """By whoever reads journals, reports and configurations, least of all."""
    found = {}
    for path in _sources():
        risky = RISKY & set(_calls(ast.parse(path.read_text())))
        if risky:
            found[path.relative_to(ROOT).as_posix()] = risky
    assert found == RUNS_CODE


def test_no_process_is_started_by_a_shell() -> None:
    """Words stay words."""
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                assert ast.unparse(node.value) == "False", path


@pytest.fixture(scope="module")
def evil() -> evidence.Run:
    """A run in which everything that others can set is as bad as it gets."""
    works = [
        Work(
            [
                Told(
                    options={"start_method": text},
                    env={"A": text},
                    trials=2,
                    rounds=2,
                    failure="failed" if number % 2 else None,
                    reason=text,
                    traceback=text,
                    printed=text,
                )
            ],
            name=f"{text}",
        )
        for number, text in enumerate(EVIL)
    ]
    works.append(Work([Told(workers=2, speedup=1.7, trials=8)], name="arms", computing=3.0))
    run = recorded.run(*works, name="<b>name</b>", command="python -m pipeline '\x1b[31m' `id` </code>")
    run.preflights[run.cells[-1]["anchor"]]["called"] = {"function": [], "inputs": None, "entered": False}
    for trial in run.evidence[run.cells[-1]["id"]].trials:
        trial["arms"]["cell"] |= {
            "pools": [{"library": "\x1b]0;pwned\x07blas", "threads": 8, "variable": "\u202eTHREADS"}],
            "code": {
                "map": "map({function}, {inputs})",
                "imports": ["import os  # \x1b[31m\u202e\x9b2J"],
                "definitions": ["# \u2066\u200f"],
                "opens": [],
            },
        }
    return run


@pytest.fixture(scope="module")
def written(evil: evidence.Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its report."""
    folder = tmp_path_factory.mktemp("evil")
    report.write(evil, folder)
    return folder


def test_no_text_becomes_part_of_a_page(written: Path) -> None:
    """Neither of its elements nor of its figures; and what got through would not be run."""
    page = (written / "report.html").read_text()
    assert page.count("<script") == 1  # the page's own
    assert "<img src=x" not in page
    assert "onerror=alert(1)&gt;" in page or "onerror=alert(1)>" not in page.replace("&gt;", "")
    assert 'href="javascript:' not in page
    assert "default-src 'none'" in html.unescape(page)
    for figure in (written / "figures").glob("*.svg"):
        assert "<script" not in figure.read_text()


def test_no_text_obeys_in_any_file(written: Path) -> None:
    """Control characters and turned directions are gone from all that people read."""
    for path in written.rglob("*"):
        if path.suffix in (".html", ".md", ".csv", ".json", ".yaml", ".svg"):
            text = path.read_bytes().decode()
            bad = {each for each in text if ord(each) < 32 and each not in "\n\t"} | ({*UNSEEN} & {*text})
            assert not bad, path.name
    assert "blas threads each" in (written / "summary.csv").read_text()
    assert "import os  # " in (written / "report.md").read_text()


def test_no_cell_of_a_spreadsheet_is_a_formula(written: Path) -> None:
    """Numbers stay numbers, below zero, too."""
    rows = list(csv.DictReader(io.StringIO((written / "summary.csv").read_text())))
    assert len(rows) >= len(EVIL)
    for row in rows:
        for key, value in row.items():
            assert not value.startswith(("\t", "\r", "\n"))
            for cell in re.split("[;\t\r\n]", value):
                if cell.strip(' "').startswith((*"=+-@\uff1d\uff0b\uff0d\uff20\u2212",)):
                    float(cell)
                    assert key not in ("workload", "reason", "variant", "flags")
    assert any(row["workload"].startswith("'=1+1") for row in rows)
    assert any(row["workload"].startswith("a;'=cmd") for row in rows)


def test_markdown_keeps_texts_as_texts(written: Path) -> None:
    """Outside of code blocks no mark of theirs stands by itself."""
    text, inside = (written / "report.md").read_text(), False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
        if not inside and not line.startswith("<details>"):
            for mark in ("<script", "<img", "[link](", "![image](", "`code`", "~~no~~", "| a | b |"):
                assert mark not in line.replace("\\" + mark[0], "")
            shown = re.sub(r"^(#+|-) |\*\*", "", line)  # what is in a heading, an item or bold
            for mark in ("# head", "## head", "1. one", "2) two", "- minus", "+ plus", "- - -", "--- -"):
                assert not shown.startswith(mark)
            assert shown != "==="
    assert r"## \# head" in text


def test_what_is_exported_is_guarded_as_well(evil: evidence.Run) -> None:
    """The same cells, by the other command."""
    rows = list(csv.DictReader(io.StringIO(str(exports.export(evil, "csv")))))
    assert not any(row["workload"].startswith(("=", "@")) for row in rows)


@pytest.mark.parametrize("text", EVIL)
def test_lines_of_ours_make_no_terminal_obey(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever said what stands in them."""
    streams.tell(f"error: {text}")
    display.Lines().preflight(text)
    said = capsys.readouterr().err
    assert not {*"\x00\x07\x1b\r", *UNSEEN} & {*said}


def test_no_folder_makes_a_terminal_obey(
    evil: evidence.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does what an arm said of its libraries."""
    few = recorded.run(Work([Told(workers=2, speedup=1.7)]))
    sweep, both = (tmp_path / f"{name}\x1b[31m\u202e" for name in ("sweep", "both"))
    recorded.write(sweep, few)
    revision = {"asked": "HEAD", "commit": "0" * 40, "tree": "0" * 40, "subject": "work"}
    for record in few.trials:
        record["arms"]["after"] = record["arms"]["cell"]
    few.header["revisions"] = {"before": revision, "after": revision}
    few.header["definition"]["sources_after"] = few.header["definition"]["sources"]
    recorded.write(both, few)
    for words in (
        ["report", f"{sweep}"],
        ["compare", f"{sweep}", f"{sweep}", "--output", f"{both}"],
        ["report", f"{both}"],
    ):
        assert command.run(words) == 0, capsys.readouterr().err
        said = capsys.readouterr().out
        assert "\ufffd/" in said
        assert not {*"\x1b\u202e"} & {*said}
    said = summary_text(Findings(clean_run(evil)))
    assert not {*"\x1b\u202e"} & {*said}


@pytest.mark.parametrize(
    ("of", "path", "value"),
    [
        ("trial", ("arms", "cell", "batch_s", 0), 0),
        ("trial", ("arms", "cell", "batch_s", 0), -1.0),
        ("trial", ("arms", "cell", "batch_s", 0), 10**400),
        ("trial", ("arms", "cell"), None),
        ("trial", ("arms",), "x"),
        ("trial", ("trial",), [1]),
        ("trial", ("cell",), {}),
        ("run", ("cells",), "x"),
        ("run", ("measured",), 1),
        ("run", ("definition",), []),
    ],
)
def test_a_journal_that_makes_no_sense_is_one_line(
    of: str,
    path: tuple[Any, ...],
    value: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever writes one can seal it, too; the traceback is kept, in case it was ours."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run = recorded.run(Work([Told(workers=2, speedup=1.7)]))
    changed = next(record for record in run.records if record["kind"] == of)
    *parents, last = path
    for each in parents:
        changed = changed[each]
    changed[last] = value
    recorded.write(tmp_path / "run", run)
    for words in (["report"], ["export", "--format", "csv"], ["compare", str(tmp_path / "run")]):
        assert command.run([*words, str(tmp_path / "run")]) == 2
        said = capsys.readouterr()
        assert re.fullmatch(r"error: .*run/journal\.jsonl cannot be made sense of \(.*\.txt\n", said.err)
        assert said.out == ""
    assert len(list(tmp_path.glob("pipeline-bug-*.txt"))) == 3


@pytest.mark.parametrize(
    "name",
    ["../up", "/tmp/x", "a/b", "..", ".hidden", "latest", "Latest", "index.html", "NUL", "con.1", "lpt1", "a\0b"],
)
def test_no_name_leads_out_of_the_output_folder(name: str, pipeline: Command) -> None:
    """Neither one of the command line nor one of somebody's journal."""
    run = recorded.run(Work([Told()]), name=name)
    with pytest.raises(InputError, match="cannot be a folder's name"):
        reproduce._sweep(run.header, "outputs", "local")
    if "\0" not in name:
        done = pipeline("workload=sleep", f"name={json.dumps(name)}")
        assert done.status == 2
        assert "cannot be a folder's name" in done.err


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="the system shows no commands there")
def test_a_server_of_ours_answers_nobody_who_has_only_read_its_command() -> None:
    """Others on the machine can read that, and not where its pages are."""
    shipped_io: Any = load_module(str(ROOT / "experiments" / "io.py"), "io")
    with shipped_io.addresses(count=1, delay_s=0) as (url,):
        secret = url.split("/")[3]
        assert not any(secret.encode() in command for command in _commands())
        assert shipped_io.fetch_and_write(url, write_count=0) > 0
        with pytest.raises(HTTPError):
            shipped_io.fetch_and_write(url.replace(secret, "x"), write_count=0)


def _commands() -> Iterator[bytes]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            yield process.joinpath("cmdline").read_bytes()


def test_files_have_the_users_umask(tmp_path: Path) -> None:
    """Reports are as private as the user's other files, no more and no less."""
    for mask, mode in ((0o022, 0o644), (0o077, 0o600)):
        before = os.umask(mask)
        try:
            outputs.write(tmp_path / f"{mask}", "text")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / f"{mask}").stat().st_mode) == mode
