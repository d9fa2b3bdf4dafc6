"""The HTTP doors: pages for patrons, the webhook for Patreon, health and numbers for operators.

Routes read a request, ask a use case or write a row, and show a page. What linking means lives in ``bot.linking``; no
route talks to Patreon or Discord, and none changes a role.
"""
