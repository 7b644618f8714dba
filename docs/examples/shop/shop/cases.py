"""Makes one test of each row of a table, so that every row has a name and a verdict of its own."""


def cases(rows):
    """Class decorator: `check(self, *row)` becomes test_<key> for each {key: row}."""
    def decorate(kind):
        for key, row in rows.items():
            def test(self, row=row):
                self.check(*row)
            test.__name__ = "test_%s" % key
            test.__qualname__ = "%s.%s" % (kind.__qualname__, test.__name__)
            setattr(kind, test.__name__, test)
        return kind
    return decorate
