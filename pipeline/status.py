"""The command's exit statuses."""

ALL_MEASURED, SOME_NOT_MEASURED, BAD_INPUT, FAIL_ON, OUR_BUG = 0, 1, 2, 3, 70
