"""The words of the command line, for completion: a line a command, with its options and arguments.

`make docs` writes them; `make check` holds them.
"""

from __future__ import annotations

# [[[cog
# import cog
# from florctl.cli.completing import tree_lines
# lines = "\n".join(tree_lines())
# cog.outl(f'TREE = """\\\n{lines}\n"""')
# ]]]
TREE = """\
record | words=SCRIPT|-m MODULE|-- CMD [ARGS]... | --name=NAME | --budget=SHARE | --ckpt-max=SIZE | --tag=K=V | --loop=FILE:LINE | --version | --no-version | --requeue | --requeue-status=N
replay | runs=[RUN]... | --all-versions | --last=N | --epochs=3,5:9 | --where=EXPR | --steps=3,5:9 | --part=I/N | --gpus=N|0,2|auto | --workers=N | --on=ray | --follow | --plan | --preview | --verify | --tolerance=R | --strict | --force | --in-place | --yes | --json
resume | run=[RUN] | --code=<recorded|work> | --force
shell | run=[RUN] | --at=epoch=5[,step=100] | -c=CODE | --json
bisect | expression=EXPR | run=[RUN] | --json
log
diff | runs=[[A] B] | --json | --csv | --plain
query | sql=SQL | --json | --csv | --plain
state | run=RUN | name=[NAME] | --at=epoch=7[,step=100] | --stats | --npy=FILE | --json | --csv | --plain
shadow
store
spool
doctor | run=[RUN] | --json
export | --to=<csv|jsonl|parquet|tensorboard|mlflow> | runs=[RUN]... | --out=PATH | --names=NAME,… | --wide | --force | --json
import | place=PATH | --name=NAME | --from=FORMAT | --json
ui | runs=[RUN]... | --port=N | --no-open
completion | shell=bash|zsh|fish
log list | --name=NAME | --limit=N | --where=EXPR | --columns=NAME[,NAME] | --best=min:NAME|max:NAME | --sort=NAME | --reverse | --here | --all | --json | --csv | --plain
log show | run=RUN | --json | --csv | --plain
log get | run=RUN | names=[NAME]... | --save=DIR | --json | --csv | --plain
log tail | run=RUN | names=[NAME]... | --lines=N | -n=N | --follow | -f | --json | --csv | --plain
log pivot | words=RUN[,RUN]... NAME... | --where=EXPR | --json | --csv | --plain
log plot | words=RUN[,RUN]... NAME... | --where=EXPR | --x=iteration|step|time | --smooth=W | --log | --png=FILE | --html=FILE | --json
log diff | runs=[[A] B] | --json | --csv | --plain
log note | run=RUN | text=[TEXT] | --append | --edit | --json
log tag | run=RUN | tags=[K=V]... | --remove=K | --json | --csv | --plain
log rm | runs=[RUN]... | --where=EXPR | --yes | --dry-run | --force | --json | --csv | --plain
shadow list | --name=NAME | --limit=N | --all | --json | --csv | --plain
shadow show | version=VERSION | --json | --csv | --plain
shadow diff | version=VERSION | others=[VERSION] [PATH]... | --stat | --name-only | --json
shadow merge | version=VERSION | --json
shadow export | version=VERSION | folder=DIR | --json
store usage | runs=[RUN]... | --json | --csv | --plain
store sweep | runs=[RUN]... | --max=SIZE | --max-run=SIZE | --keep-runs=N | --replays | --yes | --json | --csv | --plain
store pin | run=RUN | --at=LOOP=N[,LOOP=N] | --json
store unpin | run=RUN | --at=LOOP=N[,LOOP=N] | --json
store verify | runs=[RUN]... | --json | --csv | --plain
store rebuild | --json
spool s3 | words=[URL] [RUN]... | --older-than=AGE | --keep-local=all|last:N|none | --endpoint-url=URL | --compress | --no-compress | --dry-run | --json | --csv | --plain
spool dir | path=PATH | runs=[RUN]... | --older-than=AGE | --keep-local=all|last:N|none | --compress | --no-compress | --dry-run | --json | --csv | --plain
spool status | runs=[RUN]... | --json | --csv | --plain
spool fetch | runs=[RUN]... | --from=URL|PATH | --endpoint-url=URL | --trust | --into=DIR | --list | --json | --csv | --plain
"""
# [[[end]]]
