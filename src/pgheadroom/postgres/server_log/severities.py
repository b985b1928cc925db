"""How a server calls the errors that end a session, in every language of its catalogues. Pure."""

FATAL = (
    "FATAL", "FATALE", "FATALT", "KATASTROFALNY", "ÖLÜMCÜL (FATAL)", "ВАЖНО", "ФАТАЛЬНО", "ფატალური", "치명적오류",
    "致命错误", "致命錯誤",
)  # fmt: skip
"""Source: the message catalogues of PostgreSQL 15 and 19 (src/backend/po/*.po)."""
SURE = (*FATAL, "VAZHNO", "FATAL`NO", "?L?MC?L (FATAL)")
"""Words for FATAL, of which no other severity is made."""
LOST = {"GEORGIAN": "?" * 8, "HANGUL": "?" * 5, "CYRILLIC": "?" * 5, "CJK": "?" * 4}
"""What is left of the word, by script. As long in their languages are only DETAIL, QUERY and DEBUG of Georgian, DETAIL
of Chinese and Korean, and what cannot be told apart is Ukrainian of an old glibc: `????????` as its HINT."""
ENDING = (*SURE, *sorted(set(LOST.values())))
"""All of them. Of question marks alone, a SQLSTATE or the text must say that it is one."""
