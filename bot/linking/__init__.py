"""The use cases of patrons: link, unlink, see and erase what is stored. Read ``linking`` first.

Doors (cogs, web routes) call these; they write rows and wake the engine, and never change a role themselves.
"""

from bot.linking.linking import Confirmation, Linking
from bot.linking.mydata import MyData, PersonalData
from bot.linking.outlook import Linked, RoleAhead

__all__ = ["Confirmation", "Linked", "Linking", "MyData", "PersonalData", "RoleAhead"]
