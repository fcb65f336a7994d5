"""Fill the lab with made-up users who have been talking to each other.

    python hl_utils/user_faker.py --users 100000
    python hl_utils/user_faker.py --users 1000 --dialogs 5000 --messages 100000 --seed 7
    python hl_utils/user_faker.py --users 1000 --output users.sql && psql -f users.sql

The same as `lab seed`; needs only hl_utils/requirements.txt.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the repository: run from anywhere

from hl_utils.seeding import app

if __name__ == "__main__":
    app(prog_name="user_faker.py")
