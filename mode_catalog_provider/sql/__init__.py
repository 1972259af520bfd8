"""What a text of SQL says: its words, its parts, in what two texts differ. Nothing here asks a database.

Mode's queries are SQL of any dialect with Liquid in it, and often no SQL that a parser takes. What must work
for each of them goes by words; what needs a parser says so.
"""
