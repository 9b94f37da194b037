"""Tables with headings for their rows, numbers to the right, and long ones folded."""

from bs4 import BeautifulSoup

from press.site.tables import ROWS, folded, headed


def table(heads, *rows):
    """A table as an output writes it, rewritten and parsed; a cell may bring its own tag."""

    def cells(texts, tag):
        return "".join(t if t.startswith("<") else f"<{tag}>{t}</{tag}>" for t in texts)

    body = "\n".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    head = f"<thead><tr>{cells(heads, 'th')}</tr></thead>"
    html = f'<table class="repro-table">\n{head}\n<tbody>\n{body}\n</tbody></table>'
    return BeautifulSoup(headed(html), "html.parser")


def right(cells):
    """The texts of the cells that stand on the right."""
    return [cell.text for cell in cells if "num" in cell.get("class", ())]


OURS = '<td class="num"><span class="measured">2.5</span></td>'


def test_the_first_cell_heads_its_row():
    made = table(["method", "points"], ["ours", OURS], ["", OURS])
    heads = made.select("tbody th[scope=row]")
    assert [head.text for head in heads] == ["ours"], "a blank cell heads nothing"
    assert len(made.select("tbody td")) == 3


def test_numbers_written_as_text_stand_with_the_others():
    made = table(["method", "a", "b", "c"], ["ours", OURS, "7", OURS], ["paper", "-", "1,024", "x"])
    assert right(made.select("tbody *")) == ["2.5", "7", "2.5", "-", "1,024"]
    assert right(made.select("thead th")) == ["a", "b"]


def test_signs_and_shares_are_numbers_but_names_are_not():
    made = table(["v"], ["-0.5"], ["−3"], ["12.5 %"], ["3x3"], ["2 of 3"])
    assert right(made.select("tbody *")) == ["-0.5", "−3", "12.5 %"]
    assert right(made.select("thead th")) == []


def test_a_number_keeps_its_error_beside_it():
    made = table(["v"], ["88.1 ± 1.7"], ["−0.5 ± 1"], ["2 ± 1 and 3"])
    assert right(made.select("tbody *")) == ["88.1 ± 1.7", "−0.5 ± 1"]


def test_an_interval_stays_on_one_line():
    made = table(["v"], ["0.35 [0.32, 0.39]"], ["−0.5 [−1, 0.2], 3 [a, b]"])
    texts = [cell.text for cell in made.select("tbody *")][1::2]
    assert texts == ["0.35 [0.32,\xa00.39]", "−0.5 [−1,\xa00.2], 3 [a, b]"]


def test_a_table_without_rows_stays():
    assert right(table(["a", "b"]).select("th")) == []


def fold(rows, head="accuracy", caption="<caption>Which <em>rate</em>? Mean, 0.5 s.</caption>"):
    """The fold around a table with a caption; None where it stays open."""
    body = "<tr><td>0.1</td></tr>" * rows
    html = f"{caption}<thead><tr><th>{head}</th></tr></thead><tbody>{body}</tbody></table>"
    written = folded(f'<table class="repro-table">{html}')
    return BeautifulSoup(written, "html.parser").select_one("details.table-fold")


def test_a_long_table_folds_behind_the_first_sentence_of_its_caption():
    made = fold(ROWS + 1)
    assert made.summary.text == f"Which rate? ({ROWS + 1} rows)"
    assert made.select_one("caption").text == "Which rate? Mean, 0.5 s."
    assert fold(ROWS) is None
    assert fold(ROWS + 1, caption="") is None, "nothing could stand on the fold"


def test_settings_that_were_tried_fold_however_few():
    assert fold(2, head="chosen").summary.text == "Which rate? (2 rows)"
