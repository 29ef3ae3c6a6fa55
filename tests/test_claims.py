"""Other people's claims hold, don't, or cannot be told: intervals decide, and nothing else of the run changes."""

from __future__ import annotations

import copy
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import matrix, report
from pipeline.claims import Claims
from pipeline.claims_made import make_claims
from pipeline.errors import InputError
from pipeline.evidence import Run
from pipeline.judgement import FAILS, HOLDS, MISSING, OPEN, judge
from pipeline.report import claims as shown
from pipeline.validation import make_sweep

from . import recorded
from .conftest import LEAST, ROOT, Command
from .recorded import Told, Work, held

BACKENDS = ["process", "serial", "thread"]
FASTER = {"says": "4 threads are faster", "cell": {"workload": "io", "backend": "thread", "workers": 4}, "above": 1.05}
EXPERIMENTS = sorted(ROOT.joinpath("conf", "experiment").rglob("*.yaml"))


def claims(*statements: Mapping[str, Any], **others: Any) -> Claims:
    return make_claims({"author": "somebody", "statements": list(statements), **others}, BACKENDS)


def verdicts(run: Run, statement: Mapping[str, Any]) -> list[str]:
    (made,) = claims(statement).statements
    return [each.verdict for each in judge(run, made)]


def io(*told: Told) -> Run:
    return recorded.run(Work(told))


@pytest.mark.parametrize(
    ("speedup", "noise", "bounds", "verdict"),
    [
        (2.0, 0.02, {"above": 1.05}, HOLDS),
        (1.0, 0.02, {"above": 1.05}, FAILS),
        (1.05, 0.1, {"above": 1.05}, OPEN),
        (1.0, 0.02, {"below": 1.05}, HOLDS),
        (2.0, 0.02, {"below": 1.05}, FAILS),
        (1.05, 0.1, {"below": 1.05}, OPEN),
        (2.0, 0.02, {"above": 1.05, "below": 4}, HOLDS),
        (5.0, 0.02, {"above": 1.05, "below": 4}, FAILS),
        (1.0, 0.02, {"above": 1.05, "below": 4}, FAILS),
        (4.0, 0.1, {"above": 1.05, "below": 4}, OPEN),
    ],
)
def test_the_interval_decides(speedup: float, noise: float, bounds: dict[str, float], verdict: str) -> None:
    """A claim holds with all of it on one side of the bound, and fails with all of it on the other."""
    run = io(Told("thread", 4, speedup, trials=14, noise=noise))
    assert verdicts(run, {**FASTER, "above": None, **bounds}) == [verdict]


def test_without_an_interval_nothing_can_be_told_however_large_the_gain() -> None:
    run = io(Told("thread", 4, 9.0, trials=1, rounds=3))
    assert verdicts(run, FASTER) == [OPEN]


def test_a_ratio_of_two_cells_is_less_certain_than_either() -> None:
    """Each is shown to gain, but of which gains more the intervals say nothing."""
    run = io(Told("thread", 4, 2.0, trials=14, noise=0.1), Told("process", 4, 2.03, trials=14, noise=0.1))
    assert verdicts(run, FASTER) == [HOLDS]
    assert verdicts(run, {**FASTER, "over": {"backend": "process"}, "above": 1.0}) == [OPEN]


def test_a_ratio_of_two_cells_is_decided_where_they_are_far_apart() -> None:
    run = io(Told("thread", 4, 2.0, trials=14), Told("process", 4, 4.0, trials=14))
    statement = {**FASTER, "over": {"backend": "process"}}
    assert verdicts(run, {**statement, "above": 0.95}) == [FAILS]
    assert verdicts(run, {**statement, "above": None, "below": 0.95}) == [HOLDS]


@pytest.mark.parametrize("quantity", ["startup_s", "peak_rss_bytes", "cores_used"])
def test_a_quantity_is_that_of_the_summary(quantity: str) -> None:
    """Four threads of the recorded runs start in 4 ms, take 44 MB and 0.9 cores."""
    run = io(Told("thread", 4, 2.0, trials=14), Told("thread", 8, 2.0, trials=14))
    statement = {**FASTER, "quantity": quantity, "above": None}
    middle = {"startup_s": 0.004, "peak_rss_bytes": 44e6, "cores_used": 0.9}[quantity]
    assert verdicts(run, {**statement, "below": middle * 1.01}) == [HOLDS]
    assert verdicts(run, {**statement, "above": middle * 1.01}) == [FAILS]
    if quantity != "cores_used":
        assert verdicts(run, {**statement, "over": {"workers": 8}, "below": 1}) == [HOLDS]


def test_a_start_up_needs_as_many_trials_as_an_interval_of_them() -> None:
    run = io(Told("thread", 4, 2.0, trials=3))
    (made,) = claims({**FASTER, "quantity": "startup_s", "above": None, "below": 1}).statements
    (judged,) = judge(run, made)
    assert (judged.verdict, judged.why) == (OPEN, "too few trials for an interval")


def test_what_the_system_does_not_tell_cannot_be_told() -> None:
    run = io(Told("thread", 4, 2.0, trials=14))
    assert verdicts(run, {**FASTER, "quantity": "pss_bytes", "above": None, "below": 1e9}) == [OPEN]


def test_a_cell_that_failed_cannot_be_told_and_one_that_is_not_there_was_not_measured() -> None:
    run = io(Told("thread", 4, failure="failed"), Told("thread", 2, 1.9))
    (made,) = claims(FASTER).statements
    (judged,) = judge(run, made)
    assert (judged.verdict, judged.why) == (OPEN, "ValueError: no luck")
    assert verdicts(run, {**FASTER, "cell": {**FASTER["cell"], "workers": 8}}) == [MISSING]
    assert verdicts(run, {**FASTER, "over": {"workers": 8}}) == [MISSING]


def test_on_a_shared_machine_nothing_can_be_told_of_pools() -> None:
    """The probes got half a core: a gain that is missing may be another's."""
    run = io(Told("process", 4, 1.0, trials=14))
    records = [{**record, "capacity": [0.5] * 8} if record["kind"] == "trial" else record for record in run.records]
    statement = {**FASTER, "cell": {**FASTER["cell"], "backend": "process"}}
    assert verdicts(run, statement) == [FAILS]
    (made,) = claims(statement).statements
    (judged,) = judge(Run(tuple(records)), made)
    assert judged.verdict == OPEN
    assert "the machine offered 0.50" in judged.why


def test_a_claim_is_held_against_every_variant_and_pairs_differ_in_nothing_else() -> None:
    """Another interpreter, variables, start methods: each has a row, and is compared with its like."""
    variants: list[dict[str, Any]] = [{"env": {}}, {"env": {"A": "1"}}]
    told = [
        Told(backend, 4, speedup, trials=14, options=options, **variant)
        for variant in variants
        for backend, speedup, options in (("thread", 2.0, {}), ("process", 1.0, {"chunksize": 4}))
    ]
    statement = {**FASTER, "over": {"backend": "process"}}
    (made,) = claims(statement).statements
    judged = judge(io(*told), made)
    assert [each.verdict for each in judged] == [HOLDS, HOLDS]
    assert all(each.cell and each.over and each.cell["env"] == each.over["env"] for each in judged)


def test_another_interpreter_is_held_against_its_own_plain_loop() -> None:
    """What it is slower by than the one of the command says nothing of its threads; nothing does without that loop."""
    threads = Told("thread", 4, 0.8, trials=14, python="python3.13t", gil=False)
    loop = Told("serial", 1, 0.4, trials=14, python="python3.13t", gil=False)
    (made,) = claims(FASTER).statements
    (judged,) = judge(io(threads, loop), made)
    assert (judged.verdict, judged.over and judged.over["backend"]) == (HOLDS, "serial")
    assert judged.found
    assert judged.found.estimate == pytest.approx(2, rel=0.05)
    (without,) = judge(io(threads), made)
    assert (without.verdict, without.found) == (OPEN, None)
    assert "the plain loop of python3.13t was not measured" in without.why


def test_a_table_says_that_an_interpreter_has_no_gil() -> None:
    """Beside what becomes of its threads there."""
    statement = {**FASTER, "quantity": "cores_used", "above": None, "below": 1.1}
    run = io(*(Told("thread", 4, 2.0, trials=14, python=f"python{gil}", gil=gil) for gil in (True, False)))
    (table,) = shown.make_tables(held(run, claims(statement)))
    assert ["free-threaded" in row.note for row in table.table.rows] == [False, True]


def test_a_workload_is_meant_by_its_name_and_as_many_params_as_are_given() -> None:
    works = [
        Work([Told("thread", 4, speedup, trials=14)], name=f"io number={n}") for n, speedup in ((0, 2.0), (1, 1.0))
    ]
    run = recorded.run(*works, Work([Told("thread", 4, 3.0)], name="iodine"))
    assert verdicts(run, FASTER) == [HOLDS, FAILS]
    assert verdicts(run, {**FASTER, "cell": {**FASTER["cell"], "params": {"number": 1}}}) == [FAILS]
    assert verdicts(run, {**FASTER, "cell": {**FASTER["cell"], "params": {"other": 1}}}) == [MISSING]


@pytest.fixture
def run() -> Run:
    """A claim that holds in these trials, one that does not, one not measured, and charts."""
    measured = recorded.run(Work([Told("thread", 2, 1.9, trials=3), Told("thread", 4, 3.5, trials=14)]))
    fewer = {**FASTER, "says": "2 threads are faster", "cell": {**FASTER["cell"], "workers": 2}, "figure": "7.2x"}
    slower = {**FASTER, "says": "4 threads are not", "above": None, "below": 1.05}
    more = {**FASTER, "says": "8 threads", "cell": {**FASTER["cell"], "workers": 8}, "words": "workers=8 -m"}
    bars = [{"workers": n, "seconds": s} for n, s in ((2, 11.6), (4, 7.3), (8, 4.7))]
    chart = {"title": "I/O", "workload": "io", "backend": "thread", "bars": bars}
    absent = {**chart, "title": "absent", "workload": "cpu"}
    chart["bars"] = [*bars, bars[0]]
    return held(measured, claims(fewer, slower, more, charts=[chart, absent]))


def test_the_report_shows_each_claim_with_its_figure_ours_and_what_became_of_it(run: Run) -> None:
    (made,) = shown.make_tables(run)
    assert made.means.startswith("Holds: 1; does not hold: 1; not measured here: 1. A claim holds where")
    table = made.table
    fewer, slower, more = table.rows
    assert fewer.texts[1:3] == ("holds †", "7.2x")
    assert fewer.texts[3].startswith(("1.8", "1.9"))
    assert fewer.texts[5] == "io: speed, 2 threads / a plain loop, above 1.05x"
    assert slower.texts[1] == "does not hold"
    assert more.texts[1] == "not measured here"
    assert more.texts[3:5] == ("", "")
    assert more.note == "This measures it: python -m pipeline workers=8 -m"


def test_claims_and_charts_are_in_the_page_the_markdown_and_the_figures(run: Run) -> None:
    files = dict(report.files(run))
    for name in ("report.md", "report.html"):
        written = files[name]
        assert isinstance(written, str)
        assert all(each in written for each in ("What somebody says", "not measured here", "In these trials only"))
    svg = files["figures/bars.svg"]
    assert isinstance(svg, str)
    assert all(each in svg for each in ("I/O: somebody", "I/O: here", "11.6 s"))
    assert "absent" not in svg
    assert svg.count("<title>2 threads: 11.6 s</title>") == 2  # the chart has it twice
    assert len(re.findall("<title>[24] threads: [0-9.]+ ms, middle 80% ", svg)) == 3


def test_a_run_without_claims_says_nothing_of_them(run: Run) -> None:
    files = dict(report.files(Run(run.records[:-1])))
    assert "figures/bars.svg" not in files
    assert "Compared here" not in str(files["report.md"]) + str(files["report.html"])


def test_the_claims_that_came_last_count(run: Run) -> None:
    assert held(run, claims(FASTER)).claims == (claims(FASTER),)
    assert held(run).claims == ()


def test_claims_come_back_from_the_journal_as_they_were() -> None:
    made = claims(
        {**FASTER, "over": {"workers": 2}}, charts=[{"title": "t", **FASTER["cell"], "bars": [{"seconds": 1}]}]
    )
    assert Claims.of(json.loads(json.dumps(made.record()))) == made


def test_hostile_texts_are_escaped() -> None:
    hostile = "<script>alert(1)</script> a|b `x` \x00\x1b[31m\u202e\r\n$\\frac{1}{"
    statement = {**FASTER, "says": hostile, "figure": hostile, "words": hostile}
    absent = {**statement, "cell": {**FASTER["cell"], "workload": hostile}}
    chart = {"title": hostile, **FASTER["cell"], "bars": [{"seconds": 1}]}
    made = make_claims({"author": hostile, "statements": [statement, absent], "charts": [chart]}, BACKENDS)
    files = dict(report.files(held(io(Told("thread", 4, 2.0)), made)))
    for name in ("report.html", "report.md", "figures/bars.svg"):
        written = str(files[name])
        assert "<script>alert" not in written, name
        assert not {"\x00", "\x1b", "\u202e"} & set(written), name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"author": None}, "claims.author=None is no text"),
        ({"statments": []}, "claims.statments=[]: there is no such key; did you mean claims.statements?"),
        ({"statements": "many"}, "claims.statements='many' is no list; begin each of its entries with a dash"),
        ({"statements": ["x"]}, "claims.statements[0]='x' is no mapping"),
        ({"statements": [{**FASTER, "abov": 1}]}, "claims.statements[0].abov=1: there is no such key; did you mean"),
        ({"statements": [{**FASTER, "above": None}]}, "claims.statements[0] claims nothing that could fail to hold"),
        ({"statements": [{**FASTER, "above": "x"}]}, "claims.statements[0].above=x is not a number above 0"),
        ({"statements": [{**FASTER, "below": 1}]}, "claims.statements[0].below=1 is not a number above 1.05"),
        ({"statements": [{**FASTER, "quantity": "sped"}]}, "claims.statements[0].quantity=sped: there is no such one"),
        ({"statements": [{**FASTER, "cell": 3}]}, "claims.statements[0].cell=3 is no mapping"),
        ({"statements": [{**FASTER, "cell": {"workload": "io"}}]}, "claims.statements[0].cell.backend is missing"),
        ({"statements": [{**FASTER, "over": "x"}]}, "claims.statements[0].over='x' is no mapping"),
        ({"statements": [{**FASTER, "over": {"workers": 4}}]}, "claims.statements[0].over is the cell itself"),
        ({"statements": [{**FASTER, "over": {"backend": "serial"}}]}, "backend=serial says nothing"),
        ({"statements": [{**FASTER, "over": {"backend": "thred"}}]}, "over.backend=thred: there is no such one; did"),
        ({"charts": [{"title": "t", "bars": []}]}, "claims.charts[0].bars=[] is empty"),
        ({"charts": [{"title": "t", "bars": [{"seconds": 1}]}]}, "claims.charts[0].bars[0].backend is missing"),
        (
            {"charts": [{"title": "t", **FASTER["cell"], "bars": [{"seconds": 0}]}]},
            "claims.charts[0].bars[0].seconds=0 is not a number above 0",
        ),
    ],
)
def test_a_bad_claim_is_refused_in_one_line(change: dict[str, Any], said: str) -> None:
    config = {"author": "somebody", **change}
    with pytest.raises(InputError) as caught:
        make_claims(config, BACKENDS)
    assert said in str(caught.value)
    assert str(caught.value).isprintable(), "one line"


def test_a_version_does_not_hang_on_claims_and_a_finished_run_takes_new_ones(pipeline: Command) -> None:
    """A corrected word costs no measuring: the same command draws the report with it."""
    folder = pipeline.folder / "mine" / "experiment"
    folder.mkdir(parents=True)
    tiny = ("workload=sleep", "workload.inputs=2", "backend=thread", "workers=2", "name=x", *LEAST)
    for said in ("first", "second"):
        statement = {**FASTER, "says": said, "cell": {**FASTER["cell"], "workload": "sleep", "workers": 2}}
        content = yaml.safe_dump({"claims": {"author": "somebody", "statements": [copy.deepcopy(statement)]}})
        folder.joinpath("x.yaml").write_text(f"# @package _global_\n{content}")
        done = pipeline("--config-dir", "mine", "+experiment=x", *tiny)
        assert done.status == 0, done.err
        assert f"| {said} |" in (done.run / "report.md").read_text()
    assert len(list(pipeline.folder.glob("outputs/x/*/*/journal.jsonl"))) == 1
    assert [len(done.records(kind)) for kind in ("run", "trial", "claims")] == [1, 1, 2]
    assert pipeline("--config-dir", "mine", "+experiment=x", "claims=3", *tiny).status == 2


def test_each_of_several_experiments_brings_its_claims() -> None:
    configs = matrix.expand(matrix.make_loader(), ["+experiment=article", "backend=thread"], multirun=True).configs
    other = {"author": "somebody else", "statements": [FASTER]}
    mixed = [*configs, {**configs[0], "claims": other}, {**configs[1], "claims": None}]
    assert [each.author for each in make_sweep(mixed).claims] == ["the article", "somebody else"]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_words_of_every_shipped_claim_measure_it(path: Path) -> None:
    """They compose, and the claim's cells are among those that they give; a name is that of the YAML's workload."""
    loader = matrix.make_loader()
    for made in make_sweep(matrix.expand(loader, [f"+experiment={path.stem}"], multirun=True).configs).claims:
        for words in dict.fromkeys(statement.words for statement in made.statements):
            split = shlex.split(words)
            assert split[-1] == "-m"
            sweep = make_sweep(matrix.expand(loader, split[:-1], multirun=True).configs)
            cells = [{**cell.record(), "name": cell.workload.name} for cell in sweep.cells]
            for statement in (each for each in made.statements if each.words == words):
                for which in filter(None, (statement.cell, statement.over)):
                    assert any(which.matches(cell) for cell in cells), statement.says


def test_the_example_that_users_are_shown_is_valid() -> None:
    """The one YAML block of the article's README."""
    text = ROOT.joinpath("experiments", "article", "README.md").read_text()
    (block,) = (part.partition("```")[0] for part in text.split("```yaml\n")[1:])
    made = make_claims(yaml.safe_load(block)["claims"], BACKENDS)
    assert (len(made.statements), len(made.charts)) == (2, 1)


def test_the_commands_that_users_are_shown_compose() -> None:
    """Each line of the article's README that begins with a prompt."""
    lines = ROOT.joinpath("experiments", "article", "README.md").read_text().splitlines()
    commands = [line.removeprefix("$ python -m pipeline ") for line in lines if line.startswith("$ python")]
    assert len(commands) == 8
    for command in commands:
        words = [word for word in shlex.split(command, comments=True) if word != "-m"]
        make_sweep(matrix.expand(matrix.make_loader(), words, multirun=True).configs)
