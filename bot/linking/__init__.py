"""The use cases of patrons: link, unlink, see and erase what is stored. Read ``linking`` first.

Doors (cogs, web routes) call these; they write rows and wake the engine, and never change a role themselves.
"""

from bot.linking.linking import LIVE_AT_ONCE, Confirmation, Linking, Wait
from bot.linking.mydata import MyData, PersonalData
from bot.linking.outlook import Linked, RoleAhead

__all__ = ["LIVE_AT_ONCE", "Confirmation", "Linked", "Linking", "MyData", "PersonalData", "RoleAhead", "Wait"]
