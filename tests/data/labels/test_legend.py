import contextlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectile.data.labels.legend import Category, Legend, is_legend_file, make_legend, read_legend
from spectile.data.labels.palette import OKABE_ITO, distinct_colors
from spectile.errors import InputError


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_come_in_any_order_and_others_are_passed_over(tmp_path):
    path = write(tmp_path / "legend.csv", "area,Color,name,VALUE\n5,#ff8000,Corn,10\n6,,Wood,2\n")
    legend = read_legend(path)
    assert legend.values == (2, 10)
    assert legend.names == ("Wood", "Corn")
    assert legend.colors[1] == (255, 128, 0)
    assert legend.colors[0] not in ((0, 0, 0), (255, 128, 0))


@pytest.mark.parametrize(
    "text",
    [
        "value,name,color\n1,Corn,10,20,30\n",
        'value,name,color\n1,Corn,"10,20,30"\n',
        "color,value,name\n10,20,30,1,Corn\n",
        "value;name;colour\n1;Corn;10,20,30\n",
        "\ufeffvalue\tname\tcolor\n1\tCorn\t10 20 30\n\n",
    ],
)
def test_colours_as_numbers_with_every_delimiter(tmp_path, text):
    legend = read_legend(write(tmp_path / "legend.csv", text))
    assert legend.categories == (Category(1, "Corn", (10, 20, 30)),)


def test_names_of_any_script_and_with_commas_survive(tmp_path):
    path = write(tmp_path / "legend.csv", 'value,name\n1,"oak, beech"\n2,Wälder und 森林\n')
    assert read_legend(path).names == ("oak, beech", "Wälder und 森林")


def test_a_row_for_zero_makes_no_class(tmp_path):
    assert read_legend(write(tmp_path / "l.csv", "value,name\n0,nothing\n3,Corn\n")).values == (3,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("value,name\n", ["no class"]),
        ("id,name\n1,Corn\n", ["id, name", "value and name"]),
        ("value,name\n1,Corn\nx,Wood\n", ["'x'", "line 3"]),
        ("value,name\n1.5,Corn\n", ["'1.5'", "line 2"]),
        ("value,name\n-1,Corn\n", ["'-1'"]),
        ("value,name\n70000,Corn\n", ["'70000'", "65535"]),
        ("value,name\n1,Corn\n\n1,Wood\n", ["value 1", "line 4"]),
        ("value,name\n1,Corn\n2,Corn\n", ["'Corn'", "line 3"]),
        ("value,name\n1,\n", ["no name", "line 2"]),
        ("value,name,color\n1,Corn,red\n", ["'red'", "line 2"]),
        ("value,name,color\n1,Corn,300,0,0\n", ["'300,0,0'"]),
        ("value,name,color\n1,Corn,#000000\n", ["black", "line 2"]),
        ("value,name\n1,Corn,Maize\n", ["3 cells", "line 2", "2 columns"]),
    ],
)
def test_what_cant_be_understood_is_named(tmp_path, text, words):
    path = write(tmp_path / "legend.csv", text)
    with pytest.raises(InputError) as caught:
        read_legend(path)
    assert "legend.csv" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(InputError, match="isn't there"):
        read_legend(tmp_path / "legend.csv")
    with pytest.raises(InputError, match="can't be read"):
        read_legend(tmp_path)
    (tmp_path / "legend.csv").write_bytes("value,name\n1,Wälder\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        read_legend(tmp_path / "legend.csv")


@given(text=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(max_examples=80, deadline=None)
def test_no_bytes_bring_out_anything_but_an_input_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    path.write_bytes(b"value,name,color\n" + text)
    with contextlib.suppress(InputError):
        read_legend(path)
    is_legend_file(path)


def test_a_csv_of_points_is_no_legend(tmp_path):
    assert not is_legend_file(write(tmp_path / "points.csv", "x,y,class\n1,2,3\n"))
    assert is_legend_file(write(tmp_path / "legend.csv", "Name;Value\nCorn;1\n"))
    assert not is_legend_file(tmp_path / "missing.csv")


def test_json_there_and_back():
    legend = make_legend([14, 1, 10], {10: "Corn"})
    assert Legend.from_dicts(legend.to_dicts()) == legend
    assert legend.to_dicts()[0] == {"value": 1, "name": "class 1", "color": "#e69f00"}


@pytest.mark.parametrize(
    "dicts",
    [
        [{"value": 1, "name": "Corn"}],
        [{"value": "1", "name": "Corn", "color": "#ffffff"}],
        [{"value": 1, "name": "Corn", "color": "white"}],
        [{"value": 0, "name": "Corn", "color": "#ffffff"}],
        ["Corn"],
        None,
    ],
)
def test_foreign_json_is_refused(dicts):
    with pytest.raises(InputError):
        Legend.from_dicts(dicts)


def test_classes_share_neither_value_nor_name():
    with pytest.raises(InputError, match="'Corn' and 'Wood' share the value 3"):
        Legend((Category(3, "Corn", (1, 1, 1)), Category(3, "Wood", (2, 2, 2))))
    with pytest.raises(InputError, match="3 and 4 share the name 'Corn'"):
        Legend((Category(3, "Corn", (1, 1, 1)), Category(4, "Corn", (2, 2, 2))))


def test_missing_and_repeated_names_are_made_whole():
    legend = make_legend([1, 2, 3], {1: "Corn", 2: "Corn", 3: " "})
    assert legend.names == ("Corn", "Corn (2)", "class 3")


def test_black_of_a_file_is_replaced_and_other_colours_stay():
    legend = make_legend([1, 2, 3], colors={1: (0, 0, 0), 2: OKABE_ITO[0]})
    assert legend.colors[1] == OKABE_ITO[0]
    assert (0, 0, 0) not in legend.colors
    assert len(set(legend.colors)) == 3


def seen_without_green_cones(color):
    """Deuteranopia after Viénot, Brettel and Mollon (1999): not the model the palette uses."""
    share = np.array(color) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    red_green = 0.29275 * linear[0] + 0.70725 * linear[1]
    blue = -0.02233 * linear[0] + 0.02233 * linear[1] + linear[2]
    return np.cbrt(np.clip([red_green, red_green, blue], 0, 1))


@pytest.mark.parametrize(("count", "least"), [(7, 0.07), (16, 0.05)])
def test_chosen_colours_differ_for_colour_blind_eyes(count, least):
    seen = [seen_without_green_cones(color) for color in distinct_colors(count)]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > least


@given(count=st.integers(1, 600))
@settings(max_examples=15, deadline=None)
def test_colours_for_any_number_of_classes(count):
    colors = distinct_colors(count)
    assert len(colors) == count
    assert len(set(colors)) == min(count, 512)
    assert min(max(color) for color in colors) > 60  # nothing looks black, which is no data
    assert colors == distinct_colors(count + 1)[:count]
