#!/usr/bin/env bash
# `lab scale websocket 4` measured in the middle of a load (50 operations a second, 100 devices), ROUNDS times, each time
# from two services on. Writes docs/results/scale.md. Usage: docs/results/scale.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rounds=${1:-3}
work=$(mktemp -d /tmp/lab-scale-XXXXXX)
chmod 711 "$work"
trap '.venv/bin/lab down --home "$work/stack" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

.venv/bin/lab up --mode stack --home "$work/stack" >/dev/null
.venv/bin/lab seed --home "$work/stack" --users 1000 --dialogs 2000 --messages 20000 >/dev/null
for round in $(seq "$rounds"); do
  .venv/bin/lab load --home "$work/stack" --rate 50 --sockets 100 --seconds 40 --no-progress --no-report \
    --no-stall-test --output "$work/$round.json" >"$work/$round.load" 2>&1 &
  load=$!
  sleep 15 # the load has begun and lasts 40 s; the page says whether the change fell into it
  date +%s.%N >"$work/$round.begin"
  .venv/bin/lab scale --home "$work/stack" websocket 4 | tee "$work/$round.scale"
  date +%s.%N >"$work/$round.end"
  wait $load || { cat "$work/$round.load"; exit 1; }
  .venv/bin/lab scale --home "$work/stack" websocket 2 >/dev/null
done
.venv/bin/python - "$work" "$rounds" >docs/results/scale.md <<'END'
import json, re, sys
from datetime import datetime
from pathlib import Path

work, rows = Path(sys.argv[1]), []
for number in range(1, int(sys.argv[2]) + 1):
    run = json.loads((work / f"{number}.json").read_text())
    live = re.search(r"live in HAProxy after ([\d.]+) s", (work / f"{number}.scale").read_text())[1]
    begin, end = (float((work / f"{number}.{word}").read_text()) for word in ("begin", "end"))
    inside = run["started_at"] < begin and end < run["started_at"] + run["measured_seconds"]
    assert inside, "the change did not fall into the load"
    ledger, delivery, busy = run["ledger"], run["total"]["delivery"], run["pressure"]
    wrong = sum(ledger[name] for name in ("acknowledged_not_stored", "not_delivered", "misrouted",
                                          "duplicates_after_client", "out_of_order_after_client"))
    rows.append(f"| {number} | {live} s | {end - begin:.1f} s | {sum(ledger['closes'].values())} of {ledger['devices']}, "
                f"{ledger['reconnects']} | {ledger['acknowledged']:,} of {ledger['sends']:,} | {wrong} of "
                f"{ledger['delivered']:,} | {delivery['p99'] * 1000:,.0f} ms | {busy['cores_of_others']:.1f} |")
here = run["machine"]
print(f"""# More websocket services under load

From two to four with `lab scale websocket 4`, 15 s into `lab load --rate 50 --sockets 100 --seconds 40`, in run mode
`stack` (PostgreSQL, one RabbitMQ node, HAProxy, two API processes), as `docs/results/scale.sh` does it.
{len(rows)} rounds, measured {datetime.fromtimestamp(run['started_at']):%Y-%m-%d} on {here['cores']} cores of {here['cpu']},
{here['system']}, commit {here['commit']}{", with changes that are not committed" if here['changed'] else ""}.

| round | both live after | the whole command | sockets closed, came again | sends stored | lost, doubled, out of order | delivery p99 | cores of other programs |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

*Live*: HAProxy has had its first good answer from both and sends them sockets; counted from the start of the change.
The command also loads Python. Sockets that were open stay where they are; only new ones go to the new services.""")
END
