"""How PostgreSQL says that a login is not wanted, in every language. Pure.

Source: the message catalogues of PostgreSQL 15 and 19 (src/backend/po/*.po). Only a log without SQLSTATEs needs them.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain

from pgheadroom.model.turned_away import Reason
from pgheadroom.postgres.translated import pattern_of_words

_PASSWORD = (
    'authentication failed for user "{name}"',
    "Passwort-Authentifizierung für Benutzer »{name}« fehlgeschlagen",
    "la autentificación password falló para el usuario «{name}»",
    "authentification par mot de passe échouée pour l'utilisateur  « {name} »",
    'autenticazione con password fallita per l\'utente "{name}"',
    'ユーザー"{name}"のパスワード認証に失敗しました',
    'პაროლით ავთენტიფიკაცია მომხმარებლისთვის "{name}" ვერ მოხერხდა',
    '사용자 "{name}"의 password 인증을 실패했습니다',
    'пользователь "{name}" не прошёл проверку подлинности (по паролю)',
    'Lösenordsautentisering misslyckades för användare "{name}"',
    'користувач "{name}" не пройшов автентифікацію за допомогою пароля',
    '用户 "{name}" Password 认证失败',
    "password gagal diotentikasi untuk pengguna  « {name} »",
    'autoryzacja hasłem nie powiodła się dla użytkownika "{name}"',
    'autenticação do tipo senha falhou para o usuário "{name}"',
    '"{name}" kullanıcısı için şifre doğrulaması başarısız oldu',
    '用户 "{name}" 的密码认证失败',
    '密碼驗證使用者 "{name}" 失敗',
)
_NO_ENTRY = (
    "no pg_hba.conf entry for",
    "pg_hba.conf rejects",
    "kein pg_hba.conf-Eintrag für Host",
    "no hay una línea en pg_hba.conf para",
    "aucune entrée dans pg_hba.conf pour l'hôte",
    "nessuna voce in pg_hba.conf per l'host",
    "pg_hba.conf にホスト",
    "pg_hba.conf-ში ჩანაწერი ჰოსტისთვის",
    "연결에 대한 설정이 pg_hba.conf 파일에 없습니다",
    "в pg_hba.conf нет записи для компьютера",
    "ingen rad i pg_hba.conf för värd",
    "в pg_hba.conf немає запису для хосту",
    "的 pg_hba.conf 记录",
    "tidak ada entry pg_hba.conf untuk host",
    "nessuna voce pg_hba.conf per l'host",
    "brak wpisu w pg_hba.conf dla hosta",
    "nenhuma entrada em pg_hba.conf para o hospedeiro",
    "veritabanı için pg_hba.conf içinde bir tanım yok",
    "的 pg_hba.conf 条目",
    "適用的 pg_hba.conf 項目",
)
_NO_ROLE = (
    'role "{name}" does not exist',
    'role "{name}" is not permitted to log in',
    "Rolle »{name}« existiert nicht",
    "no existe el rol «{name}»",
    "le rôle « {name} » n'existe pas",
    'il ruolo "{name}" non esiste',
    'ロール"{name}"は存在しません',
    'როლი არ არსებობს: "{name}"',
    '"{name}" 롤(role) 없음',
    'роль "{name}" не существует',
    'rollen "{name}" finns inte',
    'роль "{name}" не існує',
    '角色 "{name}" 不存在',
    "role « {name} » tidak ada",
    'rola "{name}" nie istnieje',
    'role "{name}" não existe',
    '"{name}" rolü mevcut değil',
    "Rolle »{name}« hat keine Berechtigung zum Einloggen",
    "al rol «{name}» no se le permite conectarse",
    "le rôle « {name} » n'est pas autorisé à se connecter",
    'al ruolo "{name}" non è consentito effettuare il login',
    'ロール"{name}"はログインが許可されません',
    "როლს შესვლის უფლება არ აქვს: {name}",
    '"{name}" 롤은 접속을 허용하지 않음',
    'для роли "{name}" вход запрещён',
    'roll "{name}" tillåts inte logga in',
    'для ролі "{name}" вхід не дозволений',
    '不允许角色"{name}" 进行登录',
    "role « {name} » tidak diperbolehkan untuk log in",
    'al ruolo "{name}" non è consentito accedere',
    'rola "{name}" nie zezwala na logowanie',
    'role "{name}" não tem permissão para entrar',
    '"{name}" rolünun sisteme giriş hakkı yoktur',
    '不允许角色 "{name}" 进行登录',
    '不允許角色 "{name}" 登入',
)
_NO_DATABASE = (
    'database "{name}" does not exist',
    "Datenbank »{name}« existiert nicht",
    "no existe la base de datos «{name}»",
    "la base de données « {name} » n'existe pas",
    'il database "{name}" non esiste',
    'データベース"{name}"は存在しません',
    'მონაცემთა ბაზა "{name}" არ არსებობს',
    '"{name}" 데이터베이스 없음',
    'база данных "{name}" не существует',
    'databasen "{name}" existerar inte',
    'бази даних "{name}" не існує',
    '数据库 "{name}" 不存在',
    "database « {name} » tidak ada",
    'baza danych "{name}" nie istnieje',
    'banco de dados "{name}" não existe',
    '"{name}" veritabanı mevcut değil',
    '資料庫 "{name}" 不存在',
)


def texts() -> Iterator[str]:
    """All of them, with `{name}` where one stands."""
    return chain((text for text, _ in named()), _NO_ENTRY)


def named() -> list[tuple[str, Reason]]:
    """Those that have a name, which are whole messages, and what they mean."""
    logins = [(text, Reason.LOGIN) for text in chain(_PASSWORD, _NO_ROLE)]
    return logins + [(text, Reason.NO_DATABASE) for text in _NO_DATABASE]


@cache
def patterns() -> tuple[tuple[re.Pattern[str], Reason], ...]:
    """Each with a group `name` where the text carries one."""
    everything = chain(named(), ((text, Reason.LOGIN) for text in _NO_ENTRY))
    return (*((pattern_of_words(text), reason) for text, reason in everything), (_ANY_ENTRY, Reason.LOGIN))


_ANY_ENTRY = re.compile(r'pg_hba\.conf.*(?:"[^"]*".*"|<<.*>>|>>.*<<)|"[^"]*".*pg_hba\.conf')
"""Whatever is left of a text about it: sessions end over that file and quoted names for no other reason."""
