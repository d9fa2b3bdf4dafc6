"""Journeys of patrons who link and unlink."""

from tests.e2e.theatre import Theatre


async def test_the_first_link_gives_the_role_and_edits_the_link_message(house: Theatre) -> None:
    interaction, page = await house.link("Ann")

    await house.until_roles("Ann", "Silver")
    assert "Silver" in page
    await interaction.wait_for(lambda message: str(house.role("Silver")) in message.content or "Silver" in message.content)
