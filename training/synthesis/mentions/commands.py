"""`evalsuite train mentions`: counts how often a corpus names what a graph knows."""

from __future__ import annotations

from pathlib import Path

import click

from evalsuite.util.text import visible


@click.command(short_help="Count how often a corpus names the nodes of a graph.")
@click.argument("corpus", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--graph", "graphs", multiple=True, required=True, help="hpo, icd10cm, a file or a folder; repeatable.")
@click.option("--field", default="text", show_default=True, help="Field of a row of JSON lines that holds its text.")
@click.option("--skip-bad", is_flag=True, help="Leave out what can't be read, and count it.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="New file for the table (TSV)."
)
def mentions(corpus: tuple[Path, ...], graphs: tuple[str, ...], field: str, skip_bad: bool, out: Path) -> None:
    """Count the names of a graph's nodes in CORPUS: text, JSON lines, MediaWiki dumps, folders of such.

    `evalsuite train synthesize --mentions` takes the table: what a corpus names rarely is asked about more often.
    """
    from evalsuite.errors import DataError, ErrorCode
    from evalsuite.util.atomic_write import check_writable, is_device, write_output
    from evalsuite.util.regular_file import links_in
    from training.synthesis.graph.linking import Linker
    from training.synthesis.graph.load import read_graph
    from training.synthesis.graph.sources import Problems
    from training.synthesis.mentions.corpus import count_mentions
    from training.synthesis.mentions.table import mention_table

    if not is_device(out):
        if out.exists():
            raise DataError(ErrorCode.OUTPUT_EXISTS, f"{out}: is there already (`out`); name a new file")
        check_writable(out.parent)
    graph, problems = read_graph(graphs, skip_bad), Problems(skip_bad)
    found = count_mentions(corpus, Linker(graph), problems, field)
    facts = {
        "corpus": ", ".join(path.name for path in corpus),
        "corpus sha256": found.sha256,
        "graph": graph.digest,
        "texts": f"{found.texts:,}",
        "mentions of a name that several nodes bear, counted for none": f"{found.ambiguous:,}",
        "left out, as it can't be read": f"{sum(problems.counts.values()):,}",
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_output(out, mention_table(found.counts, graph, facts))
    nodes, mentioned = len(found.counts), found.counts.total()
    click.echo(visible(f"{out}: {nodes:,} nodes, {mentioned:,} mentions in {found.texts:,} texts"))
    for link in (link for path in corpus if path.is_dir() for link in links_in(path)):
        click.echo(visible(f"a link, which is not followed: {link}"), err=True)
    for message in problems.messages[:10]:
        click.echo(f"left out: {visible(message)}", err=True)
