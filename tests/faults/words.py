"""Command lines that nobody should have to think of: odd values, keys, quoting, nesting, loops of interpolations."""

from __future__ import annotations

from hypothesis import strategies as st

KEYS = (
    "workload",
    "backend",
    "measure",
    "runner",
    "experiment",
    "workers",
    "name",
    "margin",
    "seed",
    "fresh",
    "output",
    "python",
    "env",
    "env.A",
    "cluster.address",
    "workload.name",
    "workload.task",
    "workload.job",
    "workload.inputs",
    "workload.params",
    "workload.params.seconds",
    "workload.sample",
    "workload.check",
    "workload.reset",
    "backend.name",
    "backend.takes",
    "backend.start_method",
    "backend.chunksize",
    "backend.chunk_s",
    "measure.target",
    "measure.budget_s",
    "measure.trials",
    "measure.max_rounds",
    "measure.timeout_s",
    "measure.cold",
    "runner.name",
    "runner.exclusive",
    "claims",
    "hydra.mode",
    "hydra.sweeper.params.workers",
    "hydra.searchpath",
    "hydra.verbose",
    "hydra.run.dir",
    "hydra/launcher",
    "workload@other",
    "backend@_global_",
)
LONG = "long" * 75
"""No file can have such a name."""
PLACES = (
    *(".", "..", "run", "folder", "folder/..", "folder/none", "binary", "binary/none", "empty", "empty/journal.jsonl"),
    *("loop", LONG, f"{LONG[:240]}.csv", f"none/{LONG}", "deep/" * 600, "deep/" * 1_000),
)
"""Where `configurations` puts what such words of a subcommand lead to, or nothing; reports are drawn there."""
PLAIN = (
    *("", "null", "true", "no", "0", "-1", "1e309", "nan", "-inf", "0x10", "1_000", "9" * 400, "1" + "0" * 5000, "0.1"),
    *("io", "cpu", "sleep", "function", "thread", "serial,process", "quick", "article", "local", "latest", "auto"),
    *("os:getpid", "os.py:x", ":", "a:b:c", "../../../etc/passwd:x", "no_such_module:f", "builtins:str"),
    f"{LONG}.py:f",
    *("${workers}", "${workload.name}", "${nope}", "${env}", "${oc.env:HOME}", "${oc.env:NOPE}", "${now:%Y}"),
    *(
        "${workload.${workload}}",
        "${.}",
        "${..name}",
        "${",
        "$",
        "$}",
        "\\${x}",
        "${hydra:runtime.cwd}",
        "${oc.decode:[}",
    ),
    *("range(3)", "range(0,1000000000)", "range(1,2,0)", "range(nan)", "choice()", "choice(1,2)", "interval(0,1)"),
    *("glob(*)", "glob(*,exclude=c*)", "sort(3,1,reverse=true)", "shuffle(1,2)", "tag(a,1)", "extend_list(1)"),
    *("int(x)", "float(1e400)", "str([1])", "bool(2)", "json_str({a:1})", "f(", "choice(choice(1))"),
    *("'", '"', "'a\"", "\"a'", "[", "]", "{", "}", "[1,", "{a:", "{a:1,a:2}", "a,,b", ",", "=", "a=b", "\\", "\\\\,"),
    *("../up", "/", ".", "..", "a/b", "-", "--help", "\x1b[31mred\x1b[0m", "\u202egnol", "\x00", "a\nb", "\udcff"),
    *("=cmd|' /C calc'!A0", "<script>alert(1)</script>", "| pipe |", "`id`", "$(id)", "%s%n", "{0.__class__}"),
)
FLAGS = (
    "-m",
    "--multirun",
    "--run",
    "--resolve",
    "-cfg",
    "--cfg=job",
    "--cfg=all",
    "--cfg",
    "--info",
    "--info=x",
    "-p",
    "--help",
    *(f"--config-dir={place}" for place in ("folder", "binary", "none", "loop", LONG)),
)

SUBFLAGS = ("--format", "csv", "--format=pyperf", "--fail-on", "slower", "--interleave", "--damaged", "--cluster", "-m")
GOOD = (
    (),
    ("-m",),
    ("workload=sleep", "backend=process", "workers=2"),
    ("workload=function", "workload.task=os:getpid", "-m"),
    ("+experiment=article", "-m"),
)

_scalars = st.one_of(
    st.sampled_from(PLAIN),
    st.integers().map(str),
    st.floats().map(str),
    st.text(st.characters(exclude_categories=()), max_size=12),
    st.text("[]{}()'\"\\,=:$~+-@/. \t", max_size=12),
)
_deep = st.builds(
    lambda opened, closed, times: opened * times + "1" + closed * times,
    st.sampled_from(["[", "{a:", "(", "${", "${oc.env:A,", "choice(", "str("]),
    st.sampled_from(["]", "}", ")", ""]),
    st.sampled_from([1, 3, 40, 400]),
)


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    few = st.lists(inner, max_size=3)
    return st.one_of(
        few.map(lambda each: f"[{','.join(each)}]"),
        few.map(lambda each: "{" + ",".join(f"k{number}:{value}" for number, value in enumerate(each)) + "}"),
        few.map(",".join),
        inner.map(lambda each: f"'{each}'"),
        inner.map(lambda each: "${" + each + "}"),
        st.tuples(st.sampled_from(["choice", "range", "sort", "int", "json_str", "tag"]), few).map(
            lambda called: f"{called[0]}({','.join(called[1])})"
        ),
    )


_values = st.one_of(_scalars, _deep, st.recursive(_scalars, _nested, max_leaves=6))
_keys = st.one_of(
    st.sampled_from(KEYS),
    st.sampled_from(KEYS),
    st.text(max_size=8),
    st.lists(st.sampled_from(["workload", "env", "a", "", "0", "[0]", "@", "_global_"]), max_size=5).map(".".join),
)
_overrides = st.tuples(
    st.sampled_from(["", "", "", "+", "++", "~"]), _keys, st.sampled_from(["=", "=", "=", "", ":="]), _values
)
#: Two keys that lead to one another, and one that leads to itself.
_loops = st.sampled_from(
    [
        ("name=${output}", "output=${name}"),
        ("name=${name}",),
        ("+env.A=${env.B}", "+env.B=${env.A}"),
        ("workload.params=${workload}",),
        ("workload=${backend}", "backend=${workload}"),
    ]
)
_odd = st.lists(
    st.one_of(_overrides.map("".join), _overrides.map("".join), st.sampled_from(FLAGS), _values), max_size=4
)
_looped = st.tuples(_loops, st.lists(_overrides.map("".join), max_size=1)).map(lambda both: [*both[0], *both[1]])
#: One odd word after good ones gets further than several of them.
_nearly_good = st.tuples(st.sampled_from(GOOD), st.sampled_from(KEYS), st.one_of(st.sampled_from(PLAIN), _values)).map(
    lambda told: [*told[0], f"{told[1]}={told[2]}"]
)
_huge = st.tuples(
    st.sampled_from(GOOD),
    st.sampled_from(["measure.budget_s", "measure.timeout_s", "++backend.chunk_s"]),
    st.sampled_from(["1e9", "1e11", "1e308", "9" * 10, "9" * 400, "1e-308"]),
).map(lambda told: [*told[0], f"{told[1]}={told[2]}"])
#: None of the others leads to a folder that is there: they would draw reports into it.
_none = st.one_of(st.sampled_from(PLAIN), st.text(max_size=9)).filter(lambda word: not {*word} & {*"/."} and word)
_runs = st.one_of(_none, _none.map("{}@latest".format), st.sampled_from(PLACES), st.just("/dev/full"))
_several = st.tuples(
    st.sampled_from(["report", "compare", "export", "reproduce"]),
    st.lists(st.one_of(_runs, st.sampled_from(SUBFLAGS)), max_size=4),
).map(lambda told: [told[0], *told[1]])
#: A run that is there, and a place that may not be one to write to.
_written = st.tuples(
    st.sampled_from([("export", "run", "--format", "csv"), ("compare", "run", "run"), ("reproduce", "run")]),
    st.sampled_from(PLACES),
).map(lambda told: [*told[0], "--output", told[1]])
_subcommands = st.one_of(_several, _several, _written)
command_lines = st.one_of(_odd, _looped, _nearly_good, _nearly_good, _huge, _subcommands)
"""What may stand after `python -m pipeline`, a list of words."""
