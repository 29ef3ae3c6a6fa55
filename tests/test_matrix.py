"""The matrix is the one that Hydra's own multirun gives, but where it differs on purpose."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pipeline import matrix
from pipeline.errors import InputError

USERS = Path(__file__).parent / "matrix"
"""A user's own folder of configurations."""

Configs = list[dict[str, Any]]
ONE = ("workload=cpu", "backend=thread", "workers=2")
"""One cell: every default axis with one value."""


def ours(*overrides: str, multirun: bool = True) -> Configs:
    return list(expand(*overrides, multirun=multirun).configs)


def expand(*overrides: str, multirun: bool = True) -> matrix.Matrix:
    return matrix.expand(matrix.make_loader(str(USERS)), overrides, multirun)


def refusal(*overrides: str, multirun: bool = True) -> str:
    with pytest.raises(InputError) as caught:
        ours(*overrides, multirun=multirun)
    said = str(caught.value)
    assert said.isprintable(), "one line"
    return said


def column(configs: Configs, key: str) -> list[Any]:
    return [OmegaConf.select(OmegaConf.create(config), key) for config in configs]


@pytest.fixture
def hydras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Sequence[str]], Configs]]:
    """A real Hydra multirun of the same folders, down to where its launcher would call the task."""
    seen: Configs = []

    def launch_into_list(self: object, *, hydra_context: Any, task_function: object, config: DictConfig) -> object:
        def launch(jobs: Sequence[Sequence[str]], initial_job_idx: int) -> list[object]:
            for job in jobs:
                seen.append(_without_hydra(hydra_context.config_loader.load_sweep_config(config, list(job))))
            return []

        return SimpleNamespace(launch=launch)

    def multirun(overrides: Sequence[str]) -> Configs:
        seen.clear()
        hydra = Hydra.create_main_hydra2("pipeline", _search_path())
        settings = ["hydra.mode=MULTIRUN", f"hydra.sweep.dir={tmp_path}", "hydra.output_subdir=null"]
        hydra.multirun("config", lambda config: None, [*overrides, *settings], with_log_configuration=False)
        return seen

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Plugins, "instantiate_launcher", launch_into_list)
    monkeypatch.setattr(Sweeper, "validate_batch_is_legal", lambda self, batch: None)  # composes all a second time
    matrix.make_loader()  # sets Hydra's version base
    GlobalHydra.instance().clear()
    yield multirun
    GlobalHydra.instance().clear()


def _search_path() -> Any:
    path = create_config_search_path(str(matrix.ROOT / "conf"))
    path.prepend("command-line", f"file://{USERS}", SearchPathQuery("schema", None))
    return path


def _without_hydra(config: DictConfig) -> dict[str, Any]:
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param([], id="the default axes"),
        ["workload=io", "workers=1,2", "backend=thread"],
        ["backend=process,thread,process", *ONE[::2]],
        [*ONE, "workers=choice(1,2,3)"],
        [*ONE, "workers=range(1,4)"],
        [*ONE, "workers=range(1,10,step=3)"],
        [*ONE, "margin=range(0.1,0.5,0.1)"],
        [*ONE, "margin=range(0.5,0.1,-0.2)"],
        [*ONE, "margin=1e-3,.5,-1"],
        [*ONE, "workers=sort(3,1,2,reverse=true)"],
        [*ONE, "workers=int(choice(1.5,2.5))"],
        [*ONE, "name=tag(a,b,choice(x,y))"],
        ["workload=glob(*)", "backend=serial", "workers=1"],
        ["workload=glob([c*,s*],exclude=sl*)", "backend=serial", "workers=1"],
        [*ONE, "name='a,b'"],
        [*ONE, "name='a,b','c d'"],
        [*ONE, "name=a b,c d"],
        [*ONE, 'name="it\'s",x'],
        [*ONE, "name=a\\,b,''"],
        [*ONE, "name=a:b/c.d-e_f,1_000"],
        [*ONE, "name='größe','a\nb'"],
        [*ONE, "name=null,NULL", "fresh=true,False"],
        [*ONE, "python=null,/usr/bin/python3"],
        [*ONE, "workload.inputs=[1,2,3],[4]"],
        [*ONE, "+workload.params.x=1,2"],
        [*ONE, "+workload.params.d={a:1},{b:[2,{c:d}]}"],
        [*ONE, "+workload.params={a:1,b:[2,3]}"],
        [*ONE, "workload.params={iterations:3}"],
        [*ONE, "+workload.params.x=str(3),int(3.7)"],
        [*ONE, "+env.A=1", "++env.B=x,y"],
        [*ONE, "+foo.bar=1"],
        [*ONE, "~env"],
        [*ONE, "~env={}"],
        [*ONE, "~workload.params.iterations"],
        [*ONE, "~runner"],
        [*ONE, "output=${name}/x", "name=a,b"],
        [*ONE, "workers=${workload.inputs}", "margin=${oc.env:NOT_SET,0.1}"],
        ["name=${workload.name}-${backend.name}", "workload=cpu,sleep", *ONE[1:]],
        ["workload=function", "workload.task=m:f", "workload.inputs=[1,2],[3]", "backend=thread,process", "workers=1"],
        ["workload=[io,cpu]", *ONE[1:]],
        [*ONE, "+workload@other=io,cpu"],
        [*ONE, "workers=3", "workers=1,2", "seed=1", "++seed=2", "seed=3"],
        ["++workers=5", *ONE[:2], "workers=1,2"],
        ["workload=own", "backend=own_processes", "workers=1,2"],
        ["+experiment=article", "workers=1"],
        ["+experiment=article", "workload=sleep", "measure=quick"],
        ["workers=8,2", "+experiment=article", "workload=cpu"],
        [*ONE, "+experiment=scaling"],
        [*ONE, "+experiment=scaling", "backend.chunksize=2", "+workload.params.x=c"],
        [*ONE, "+experiment=frees", "+workload.params.x=c"],
        ["+experiment=nested/deep", "workers=1", "backend=serial"],
        [*ONE, "+experiment/nested=deep"],
        [*ONE, "+experiment=[article,scaling]"],
        [*ONE, "~hydra.sweeper.params.workers", "hydra.verbose=true"],
        ["hydra.sweeper.params.workers='3,4'", *ONE[:2]],
        [*ONE, "+hydra.sweeper.params.margin='0.1,0.2'"],
    ],
    ids=" ".join,
)
def test_the_cells_are_those_of_hydras_multirun_in_its_order(
    overrides: list[str], hydras: Callable[[Sequence[str]], Configs]
) -> None:
    assert ours(*overrides) == hydras(overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["workload=cpu", "workers=3"],
        ["workers=1", "++workers=2", "workers=3"],
        ["+env.OMP_NUM_THREADS=1", "workload.inputs=[1,2]", "~workload.params"],
        ["name='a,b'", "+workload.params.x=str(3)"],
        ["workers=${seed}", "seed=4"],
    ],
    ids=" ".join,
)
def test_without_a_sweep_the_one_cell_is_that_of_hydras_run(
    overrides: list[str], hydras: Callable[[Sequence[str]], Configs]
) -> None:
    hydra = Hydra.create_main_hydra2("pipeline", _search_path())
    theirs = hydra.compose_config("config", list(overrides), RunMode.RUN, with_log_configuration=False)
    assert ours(*overrides, multirun=False) == [_without_hydra(theirs)]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("wokers=3", "wokers=3: there is no key 'wokers'; did you mean workers?"),
        ("wokers=3,4", "there is no key 'wokers'; did you mean workers?"),
        ("wrkload.task=a:b", "there is no key 'wrkload'; did you mean workload?"),
        ("workload.tsk=a:b", "workload.tsk=a:b: there is no key 'workload.tsk'; did you mean workload.task?"),
        ("workload.params.iteration=1", "did you mean workload.params.iterations?"),
        ("workload.params.x=1", "there are iterations; +workload.params.x=1 adds it"),
        ("env.X=1", "env.X=1: there is no key 'env.X'; +env.X=1 adds it"),
        ("workers.x=1", "there is no key 'workers.x'; workers has no keys"),
        ("foo@bar=1", "foo@bar=1: there is no key 'foo'; there are backend, claims, cluster, env"),
        ("workload=cpuu", "workload=cpuu: there is no workload 'cpuu'; did you mean cpu? There are cpu, forest"),
        ("workload=cpu,cpuu", "there is no workload 'cpuu'; did you mean cpu?"),
        ("workload=", "there is no workload ''; there are cpu"),
        ("workload=null", "workload=null: workload is chosen by name; write workload=NAME"),
        ("workload=3", "workload is chosen by name"),
        ("workload={a:1}", "workload={a:1}: Could not override"),
        ("+workload=io", "+workload=io: workload has a choice already; write workload=io"),
        ("+workload=cpu", "+workload=cpu: workload has a choice already; write workload=cpu"),
        ("++workload=cpu", "++workload=cpu: ++ is for values; write workload=cpu"),
        ("++experiment=article", "++ is for values; write +experiment=article"),
        ("experiment=article", "experiment=article: experiment has no choice yet; write +experiment=article"),
        ("+experiment=artcle", "experiment=artcle: there is no experiment 'artcle'; did you mean article?"),
        ("+experiment=null", "+experiment=null: experiment is chosen by name; write +experiment=NAME"),
        ("+experiment=broken", "broken.yaml, line 3: "),
        ("backend@other=process", "Did you mean to override backend?"),
        ("+workers=3", "Either remove + prefix: 'workers=3'"),
        ("~nokey", "~nokey: there is no key 'nokey'; "),
        ("~env.X", "~env.X: there is no key 'env.X'; env has no keys; leave it out"),
        ("~python", "~python: Could not delete from config. 'python' does not exist; leave it out"),
        ("~workers=7", "The value of 'workers' is 2 and not 7"),
        ("~backend=process", "Could not delete 'backend=process'. No match in the defaults list"),
        ("workers=${nope}", "workers: Interpolation key 'nope' not found; --cfg job prints every key"),
        ("name=${oc.env:NOT_SET_ANYWHERE}", "Environment variable 'NOT_SET_ANYWHERE' not found"),
        ("workers=[1,", "workers=[1,: no viable alternative at input '[1,'; write KEY=1, KEY=[1,2] or"),
        ("workers=1,", "workers=1,: mismatched input '<EOF>'; write KEY=1"),
        ("name='a", "name='a: a character or quote is out of place; write KEY=1"),
        ("name=größe", "in quotes of its own, any text: 'KEY=\"some text\"'"),
        ("wörkers=3", "wörkers=3: a character"),
        ("workload.task=a=b", "workload.task=a=b: mismatched input '='"),
        ("workers=nope(1)", "workers=nope(1): Unknown function 'nope'"),
        ("workers=choice()", "workers=choice(): empty choice is not legal"),
        ("workers=interval(1,2)", "workers=interval(1,2): an interval has no end of values; write range() or choice()"),
        ("workers=range(1,5,0)", "workers=range(1,5,0): range() arg 3 must not be zero"),
        ("workers=range(0.1,0.5,0)", "workers=range(0.1,0.5,0): Invalid range values"),
        ("workers=1,range(2,4)", "a sweep cannot stand inside another; write all the values in one list"),
        ("nokey='a\nb\x1b'", "nokey='a b '"),
        ("+foo=1 +foo=2", "+foo=2: +foo is given twice; leave one of them out"),
        ("+experiment=article +experiment=scaling", "+experiment is given twice"),
        ("hydra.mode=RUN,MULTIRUN", "hydra.mode=RUN,MULTIRUN: this key takes one value"),
        ("hydra.sweeper.params.margin='0.1,0.2'", "use +hydra.sweeper.params.margin"),
        (
            "hydra/launcher=joblib",
            "hydra/launcher=joblib: Hydra's launchers and folders are not used here; write output=",
        ),
        ("hydra=x", "hydra"),
        ("foo", "'foo' is neither a command nor KEY=VALUE; python -m pipeline --help shows both"),
        ("-foo=1", "'-foo=1' is neither a command nor KEY=VALUE"),
        ("=3", "'=3' is neither"),
        ("~", "'~' is neither"),
    ],
)
def test_what_hydra_rejects_is_refused_in_one_line_with_a_remedy(
    override: str, said: str, hydras: Callable[[Sequence[str]], Configs]
) -> None:
    overrides = [*ONE, *(override.split(" ") if override.startswith("+") else [override])]
    with pytest.raises(Exception):  # noqa: B017 - of many types, which are Hydra's business
        hydras(overrides)
    assert said in refusal(*overrides)


def test_an_experiments_slip_is_told_with_its_file() -> None:
    assert refusal("+experiment=misspelt").startswith(
        "+experiment=misspelt: workload=cpuu: there is no workload 'cpuu'; did you mean cpu? There are "
    )
    assert refusal("+experiment=article", "workload=cpuu").startswith("workload=cpuu: there is no workload")


@pytest.mark.parametrize("value", ["null", "[1, 2]", "{a: 1}"])
def test_an_experiments_axis_that_is_no_text_is_refused_with_the_remedy(tmp_path: Path, value: str) -> None:
    _experiment(tmp_path, f"hydra: {{sweeper: {{params: {{workers: {value}}}}}}}")
    with pytest.raises(InputError, match=r"^In 'experiment/x': .*; write axes as text, as in 'workers: 1,2,4'$"):
        matrix.expand(matrix.make_loader(str(tmp_path)), ["+experiment=x"], multirun=True)


def test_an_empty_word_is_refused() -> None:
    assert refusal("") == "'' is neither a command nor KEY=VALUE; python -m pipeline --help shows both"


@pytest.mark.parametrize("multirun", [True, False])
@pytest.mark.parametrize("override", ["wokers=3", "workload.tsk=3", "workload=cpuu", "workers=[1,", "hydra.run.dir=x"])
def test_a_slip_is_said_alike_with_and_without_m(override: str, multirun: bool) -> None:
    assert refusal(override, multirun=multirun) == refusal(*ONE, override, multirun=not multirun)


@pytest.mark.parametrize("override", ["nokey=" + "x" * 100_000, "x=" + "[" * 500, "workload=" + "y" * 1000])
def test_a_very_long_value_makes_no_very_long_message(override: str) -> None:
    assert len(refusal(override)) < 600


def test_a_very_long_value_comes_through_whole() -> None:
    assert column(ours(*ONE, "name=" + "x" * 100_000), "name") == ["x" * 100_000]


@pytest.mark.parametrize(
    "override", ["workers=1,2", "workers=choice(1,2)", "workload=glob(*)", "+experiment=article,frees"]
)
def test_several_values_without_m_get_one_line_that_says_to_add_it(override: str) -> None:
    """Hydra's own answer has four lines."""
    said = refusal("+experiment=scaling" if "experiment" not in override else "seed=1", override, multirun=False)
    assert said == f"{override} gives several values; add -m to measure each of them"


@pytest.mark.parametrize("spelled", ["workers=5", "++workers=5", "~workers"])
def test_a_key_however_spelled_replaces_its_default_axis(spelled: str) -> None:
    """Hydra measures a `++workers=5` once for each default count, the same cell four times."""
    assert column(ours(*ONE[:2], spelled), "workers") == [None if spelled.startswith("~") else 5]


def test_what_an_experiment_fixes_is_no_default_axis_any_more() -> None:
    """In Hydra the default axes win over an experiment's `override /backend:` and `workers: 3`."""
    configs = ours("+experiment=scaling")
    assert set(column(configs, "workload.name")) == {"cpu"}
    assert set(column(configs, "backend.name")) == {"process"}
    assert set(column(configs, "workers")) == {3}
    cells = zip(column(configs, "backend.chunksize"), column(configs, "workload.params.x"), strict=True)
    assert list(cells) == [(1, "a"), (1, "b"), (8, "a"), (8, "b")]


def test_an_experiments_own_axes_win_over_the_default_ones() -> None:
    """The experiment is what the user chose; the defaults are ours."""
    configs = ours("+experiment=article")
    assert sorted(set(column(configs, "workers"))) == [1, 2, 4, 8, 16]
    assert len(configs) == 20


def test_an_experiment_fixes_what_the_one_that_it_builds_on_swept() -> None:
    """The later word counts, as with any other value."""
    configs = ours("+experiment=inherits")
    assert set(column(configs, "workers")) == {4}
    assert len(configs) == 4


def test_an_experiment_sweeps_what_the_one_that_it_builds_on_fixed() -> None:
    """The later word counts, as with any other value."""
    assert set(column(ours("+experiment=frees"), "workers")) == {5, 6}


def test_the_command_line_frees_what_an_experiment_fixes() -> None:
    """Axes given as hydra.sweeper.params are as good as any other word of the command line."""
    assert set(column(ours("+experiment=scaling", "hydra.sweeper.params.workers='6,7'"), "workers")) == {6, 7}


def test_each_of_several_experiments_brings_its_own_axes() -> None:
    """Hydra reads no axes at all from experiments that are swept."""
    found = expand("+experiment=article,scaling", "workers=1")
    assert column(list(found.configs), "name") == ["article"] * 4 + ["scaling"] * 4
    assert found.experiment == "article-scaling"


def test_a_value_may_belong_to_the_options_that_are_swept_alone(hydras: Callable[[Sequence[str]], Configs]) -> None:
    """Hydra tries every single value on the default workload first, which has no iterations."""
    command = ["workload=glob(c*)", "workload.params.iterations=5", *ONE[1:]]
    with pytest.raises(Exception, match="Could not override"):
        hydras(command)
    assert column(ours(*command), "workload.params.iterations") == [5]


@pytest.mark.parametrize("override", ["workers=range(5,1)", "workload=glob(zz*)", "workers=glob(*)"])
def test_a_sweep_over_no_values_is_refused(override: str) -> None:
    """Hydra runs nothing and says nothing."""
    assert refusal(override) == f"{override} gives no value at all; write at least one"


@pytest.mark.parametrize("override", ["workers=range(1,1000000000)", "workers=range(1,5000) seed=range(0,5000)"])
def test_more_cells_than_anybody_can_measure_are_refused(override: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra lists them all first."""
    monkeypatch.setattr(matrix, "MOST_CELLS", 100)
    assert refusal(*override.split()).startswith("these are more than 100 cells; sweep fewer values")


@pytest.mark.parametrize(
    "override", ["hydra.run.dir=x", "hydra.sweep.dir=x", "hydra.modex=1", "hydra.job.chdir=true", "hydra/sweeper=basic"]
)
def test_hydras_launchers_and_folders_are_refused(override: str) -> None:
    """Nothing would come of them here."""
    assert refusal(override) == (
        f"{override}: Hydra's launchers and folders are not used here; "
        "write output=FOLDER for where reports go and runner=NAME for where trials run"
    )


@pytest.mark.parametrize("multirun", [True, False])
def test_an_experiment_with_hydras_folders_is_refused(multirun: bool) -> None:
    """Nothing would come of them here."""
    said = refusal("+experiment=launcher", multirun=multirun)
    assert said.startswith("experiment/launcher.yaml, hydra.sweep.dir: Hydra's launchers and folders are not used")


@pytest.mark.parametrize("multirun", [True, False])
def test_an_experiment_that_would_set_nothing_is_refused(multirun: bool) -> None:
    """Without its package line an experiment's keys land in a corner that nobody reads."""
    said = refusal("+experiment=packaged", multirun=multirun)
    assert said == "experiment/packaged.yaml sets no key outside itself; begin it with '# @package _global_'"


def test_a_value_that_is_still_missing_is_refused() -> None:
    """Hydra leaves that to the task."""
    assert refusal(*ONE, "workers=???") == "workers has no value; write workers=VALUE"


def test_now_is_one_moment_for_all_cells() -> None:
    """Otherwise a name with the time in it would differ from cell to cell."""
    assert len(set(column(ours(*ONE[:2], "name=${now:%H-%M-%S-%f}", "workers=range(1,20)"), "name"))) == 1


def test_an_experiment_that_asks_for_a_sweep_needs_no_m() -> None:
    found = expand("+experiment=article", "workers=1", multirun=False)
    assert found.swept
    assert len(found.configs) == 4


def test_an_experiment_with_axes_is_not_cut_to_one_cell_in_silence(tmp_path: Path) -> None:
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "axes.yaml").write_text("# @package _global_\nhydra:\n  sweeper:\n    params:\n      workers: 1,2,3\n")
    loader = matrix.make_loader(str(tmp_path))
    with pytest.raises(InputError, match="names axes; add -m"):
        matrix.expand(loader, ["+experiment=axes"], multirun=False)
    assert (
        len(matrix.expand(loader, ["+experiment=axes", "workload=cpu", "backend=thread"], multirun=True).configs) == 3
    )


def test_an_experiments_sweep_can_be_called_off() -> None:
    found = expand("+experiment=article", "hydra.mode=RUN", multirun=False)
    assert not found.swept
    assert len(found.configs) == 1


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("+experiment=article", "article"),
        ("+experiment=nested/deep", "nested-deep"),
        ("+experiment/nested=deep", "deep"),
        ("+experiment=[article,scaling]", "article-scaling"),
        ("seed=1", None),
    ],
)
def test_the_experiments_name_can_be_a_folders(override: str, name: str | None) -> None:
    assert expand(*ONE, override).experiment == name


@pytest.mark.parametrize("path", sorted((matrix.ROOT / "conf/experiment").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_experiment_expands(path: Path) -> None:
    name = path.relative_to(matrix.ROOT / "conf/experiment").with_suffix("").as_posix()
    loader = matrix.make_loader()
    assert matrix.expand(loader, [f"+experiment={name}"], multirun=False).swept


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--config-dir .*nowhere: there is no such folder"):
        matrix.make_loader(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"--config-path .*nowhere: there is no such folder"):
        matrix.make_loader(config_path=str(tmp_path / "nowhere"))


def test_a_configuration_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="Cannot find primary config 'nope'"):
        matrix.expand(matrix.make_loader(), [], multirun=False, config_name="nope")


def test_groups_of_a_further_search_path_are_found(tmp_path: Path) -> None:
    _experiment(tmp_path, "workers: 7")
    path = f"hydra.searchpath=['file://{tmp_path}']"
    found = matrix.expand(matrix.make_loader(), [path, "+experiment=x", *ONE[:2]], multirun=True)
    assert column(list(found.configs), "workers") == [7]


@pytest.mark.parametrize(
    "text",
    ["workers: [1", "a: b: c", "- 1", "\x00", "hydra: 3", "defaults: 3", "defaults: [nope]", "workers: {a: ${"],
)
def test_an_experiment_that_is_no_configuration_gets_one_line(tmp_path: Path, text: str) -> None:
    _experiment(tmp_path, text)
    with pytest.raises(InputError) as caught:
        matrix.expand(matrix.make_loader(str(tmp_path)), ["+experiment=x"], multirun=True)
    assert str(caught.value).isprintable()


def _experiment(folder: Path, text: str) -> None:
    folder.joinpath("experiment").mkdir()
    folder.joinpath("experiment/x.yaml").write_text(f"# @package _global_\n{text}\n", encoding="utf-8")


def test_a_choice_of_groups_is_composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[list[str]] = []
    original = ConfigLoaderImpl.load_configuration

    def counted(self: ConfigLoaderImpl, name: str, overrides: list[str], mode: RunMode) -> DictConfig:
        composed.append(overrides)
        return original(self, name, overrides, mode)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counted)
    assert len(ours("workload=cpu,sleep", "backend=thread", "workers=range(1,51)")) == 100
    assert len(composed) == 3  # the axes', and one for each workload


def test_the_configurations_share_nothing() -> None:
    one, other = ours(*ONE[:2], "workers=1,2", "workload.inputs=[1,2]")
    one["workload"]["inputs"].append(3)
    assert other["workload"]["inputs"] == [1, 2]


def test_importing_the_matrix_brings_no_heavy_package() -> None:
    program = "import sys, pipeline.matrix; print(*{'pandas', 'numpy', 'matplotlib', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
