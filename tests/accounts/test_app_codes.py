"""Codes of an authenticator app: in which half minutes each is good, and that it is good once. Check S20."""

from __future__ import annotations

from pyotp.totp import TOTP

from support.houses import House
from syncline.accounts import second_factor, users

#: One whose codes are all different around the times of these tests: of random ones, once in many runs, two are alike.
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
#: Into the half minute of a code, in seconds: its first, one of its middle, its last.
MOMENTS = (0, 14, 29)


def app_of(house: House) -> tuple[str, TOTP, int]:
    """A user whose app is set up, the app, and the beginning of a half minute that has seen no code yet."""
    user, totp = house.do(users.create), TOTP(SECRET)
    assert house.do(second_factor.confirm, user.id, SECRET, totp.at(house.core.now())) is not None
    house.clock.advance(30 * 10 - house.core.now() % 30)
    return user.id, totp, house.core.now()


def test_a_code_is_good_one_half_minute_around_its_own(house: House) -> None:
    for moment in MOMENTS:
        for steps in range(-3, 4):
            user_id, totp, now = app_of(house)
            house.clock.advance(moment)
            code = totp.at(now + 30 * steps)
            good = "otp" if abs(steps) <= 1 else None
            assert house.do(second_factor.check, user_id, code) == good, (moment, steps)
            assert house.do(second_factor.check, user_id, code) is None  # A right one has been used now.


def test_no_code_is_good_after_a_later_one(house: House) -> None:
    user_id, totp, now = app_of(house)
    assert house.do(second_factor.check, user_id, totp.at(now + 30)) == "otp"
    assert house.do(second_factor.check, user_id, totp.at(now)) is None
    assert house.do(second_factor.check, user_id, totp.at(now - 30)) is None
    house.clock.advance(30)
    assert house.do(second_factor.check, user_id, totp.at(now + 30)) is None
    assert house.do(second_factor.check, user_id, totp.at(now + 60)) == "otp"


def test_the_code_that_sets_the_app_up_is_used_up_by_that(house: House) -> None:
    user = house.do(users.create, email="ann@example.com")
    secret, _ = house.do(second_factor.set_up, "ann@example.com")
    code = TOTP(secret).at(house.core.now())
    assert house.do(second_factor.confirm, user.id, secret, code) is not None
    assert house.do(second_factor.check, user.id, code) is None


def test_the_code_that_sets_the_app_up_may_have_the_gap_that_apps_show(house: House) -> None:
    user, code = house.do(users.create), TOTP(SECRET).at(house.core.now())
    assert house.do(second_factor.confirm, user.id, SECRET, f"{code[:3]} {code[3:]}") is not None
