"""The accountant itself: it must notice whatever a splitter may do wrong, or the fuzzer proves nothing."""

from __future__ import annotations

import pytest

from tests.faults.files.accountant import Account, account

A, B, C = '{"a": 1}', '{"b": [2]}', '{"c": "ü"}'
NOTE = r"not UTF-8, shown as \xNN and \\"
SOUND: dict[str, tuple[str, list[tuple[str, str | None]]]] = {
    "lines": (f"\ufeff \n{A}\r\n\n\u2003\n{B}\n{C}\n\n", [(A, None), (B, None), (C, None)]),
    "a damaged line": (f"{A}\nx y\n{C}", [(A, None), ("x y", "not JSON"), (C, None)]),
    "an array": (f"\ufeff\n [ {A},\r\n{B} , {C} ] \n", [(A, None), (B, None), (C, None)]),
    "text after an array": (f"[{A}]\n-- end", [(A, None), ("\n-- end", "text after the array")]),
    "an unclosed array": (f"[{A}, {B},", [(A, None), (B, None), ("", "not JSON")]),
    "a doubled comma": (f"[{A},,{B}]", [(A, None), (f",{B}]", "not JSON")]),
    "an empty array": (" [ ]\n", []),
    "blank": ("\ufeff \r\n\t\n", []),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_all_there_is_all_accounted_for(name: str) -> None:
    data, texts = SOUND[name]
    assert account(data.encode(), texts) == Account()


WRONG: dict[str, tuple[str, list[tuple[str, str | None]]]] = {
    "lost": (f"{A}\n{B}\n{C}\n", [(A, None), (C, None)]),
    "lost at the end": (f"{A}\n{B}\n", [(A, None)]),
    "lost at the start": (f"{A}\n{B}\n", [(B, None)]),
    "doubled": (f"{A}\n{B}\n", [(A, None), (A, None), (B, None)]),
    "in another order": (f"{A}\n{B}\n", [(B, None), (A, None)]),
    "changed": (f"{A}\n{B}\n", [(A, None), (B.replace("2", "3"), None)]),
    "cut": (f"{A}\n{B}\n", [(A, None), (B[:-1], "not JSON")]),
    "torn in two": (f"{A}\n{B}\n", [(A, None), (B[:5], "not JSON"), (B[5:], "not JSON")]),
    "a byte of an array lost": (f"[{A},x{B}]", [(A, None), (B, None)]),
    "two commas of an array lost": (f"[{A},,{B}]", [(A, None), (B, None)]),
    "a bracket in the middle lost": (f"[{A}],{B}]", [(A, None), (B, None)]),
    "text after an array lost": (f"[{A}]\nend", [(A, None)]),
    "a BOM in the middle lost": (f"{A}\n\ufeff{B}\n", [(A, None), (B, None)]),
    "an array's opening lost": (f"[[{A}]", [(A, None)]),
    "nothing taken": (f"{A}\n", []),
    "nothing of an array taken": (f"[{A}]", []),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_noticed(name: str) -> None:
    data, texts = WRONG[name]
    assert account(data.encode(), texts) != Account()


def test_escaped_texts_and_heads_stand_for_their_bytes() -> None:
    data = b'\xff\\x"\n' + b"y" * 100 + b"\n{}"
    texts = [('\\xff\\\\x"', NOTE), ("y" * 10, "too long; 100 bytes, a record has at most 50: …"), ("{}", None)]
    assert account(data, texts) == Account()
    texts[1] = ("y" * 10, "too long; 90 bytes, a record has at most 50: …")
    assert account(data, texts) != Account()
