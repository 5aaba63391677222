"""Class columns of codes: what is one class, what two, and what no class at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectile.data.labels.codes import number_cells
from spectile.errors import InputError


def numbered(cells, numbers=None):
    found = number_cells(cells, source="f", place=lambda at: f"row {at}", numbers=numbers)
    named = [found.names.get(v, str(v)) if v else None for v in found.values.tolist()]
    return found, named


def test_leading_zeros_stay_in_the_name_and_the_number_stays_the_value():
    found, named = numbered(["01", "02", "10", "", None])
    assert found.values.tolist() == [1, 2, 10, 0, 0]
    assert named == ["01", "02", "10", None, None]
    assert found.notes == ()


def test_01_and_1_are_two_classes_and_said_so():
    found, named = numbered(["01", "1", "1", "2"])
    assert named == ["01", "1", "1", "2"]
    assert len(set(found.values.tolist())) == 3
    assert len(found.notes) == 1
    assert "'01' and '1' differ in zeros alone" in found.notes[0]


def test_1_and_1_point_0_are_one_number_and_said_so():
    found, _ = numbered(["1", "1.0", "2"])
    assert found.values.tolist() == [1, 1, 2]
    assert "1 and 1.0 are one number" in found.notes[0]


@pytest.mark.parametrize(
    "codes", [["2.1", "2.10", "3"], ["1.1", "1.2", "2.1"], ["1e3", "5"], ["2.1.1", "2.1"]]
)
def test_codes_with_points_are_names(codes):
    found, named = numbered(codes)
    assert named == codes
    assert sorted(found.values.tolist()) == [1, 2, 3][: len(codes)]


def test_2_point_1_and_2_point_10_are_told():
    found, _ = numbered(["2.1", "2.10"])
    assert "'2.1' and '2.10' differ in zeros alone" in found.notes[0]


def test_case_and_inner_blanks_make_classes_that_are_told():
    found, named = numbered(["Corn", "corn", "winter wheat", "winter  wheat"])
    assert len(set(named)) == 4
    assert any("'Corn' and 'corn' differ in case or blanks" in note for note in found.notes)
    assert any("winter wheat" in note for note in found.notes)


def test_blanks_around_a_text_are_no_part_of_it_and_told():
    found, named = numbered(["corn", " corn", "rye ", "  "])
    assert named == ["corn", "corn", "rye", None]
    assert found.notes == ("f: 'corn' also stand with blanks around them: taken for one class.",)


def test_measurements_are_refused():
    with pytest.raises(InputError, match=r"0\.25 as a class in row 0.*store codes such as 2\.1"):
        numbered([0.25, 1.0])
    with pytest.raises(InputError, match="as a class in row 0"):
        numbered([f"{n / 7:.5f}" for n in range(1, 60)])
    with pytest.raises(InputError, match="the class 0 in row 1"):
        numbered(["2.1", "0"])


def test_codes_that_a_legend_names():
    found, _ = numbered(["2.1", "01", "1"], {"2.1": 7, "01": 3, "1": 9})
    assert found.values.tolist() == [7, 3, 9]
    found, _ = numbered(["1", "2"], {"1": 2, "2": 1})
    assert found.values.tolist() == [2, 1]
    assert "taken as names" in found.notes[0]
    found, _ = numbered(["1", "2"], {"corn": 1, "rye": 2})
    assert found.values.tolist() == [1, 2]


@given(
    st.lists(st.sampled_from(["1", "01", "001", "2", "2.1", "2.10", "a", "A", "a "]), min_size=1)
)
def test_texts_that_differ_are_never_one_class(cells):
    found, _ = numbered(cells)
    values = dict(zip((cell.strip() for cell in cells), found.values.tolist(), strict=True))
    assert len(set(values.values())) == len(values)
    assert min(values.values()) > 0
