"""The measured side: what runs inside a trial.

Standard library only, and importable by any Python >= 3.10 without the rest of the project. In an arm
this package is called `pipeline_bench` and is the only thing of ours on `sys.path`.
"""
