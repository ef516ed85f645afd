#include <algorithm>
#include <vector>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/dataset/Split.h"

using namespace btcai;
using namespace btcai::test;

namespace {

/// The role of each row; fails when segments leave a row out or claim one twice.
std::vector<SplitRole> rolesOf(const Split& split, std::size_t rows)
{
    std::vector<SplitRole> roles;
    for (const SplitSegment& segment : split.segments) {
        if (segment.rows.first != roles.size() || segment.rows.size() == 0)
            return {};
        roles.resize(segment.rows.last, segment.role);
    }
    return roles.size() == rows ? roles : std::vector<SplitRole>();
}

/// Whether a row learnt from and a scored row have windows [r - lookback - warm-up, r + horizon] that share a row: counted row by row,
/// marking each window, not with the arithmetic under test.
bool windowsTouch(const std::vector<SplitRole>& roles, SplitRole scored, const RowReach& reach)
{
    const std::size_t back = reach.lookbackRows + reach.warmUpRows;
    const std::size_t width = back + reach.horizonRows;
    std::vector<char> isTouched(roles.size() + width, 0); // shifted by `back`, so that it can't fall below 0
    for (std::size_t r = 0; r < roles.size(); ++r)
        if (roles[r] == scored)
            std::fill_n(isTouched.begin() + static_cast<std::ptrdiff_t>(r), width + 1, 1);
    for (std::size_t r = 0; r < roles.size(); ++r)
        if (roles[r] == SplitRole::Train && std::any_of(isTouched.begin() + static_cast<std::ptrdiff_t>(r),
                                                        isTouched.begin() + static_cast<std::ptrdiff_t>(r + width + 1), [](char c) { return c != 0; }))
            return true;
    return false;
}

struct Facts {
    std::vector<int> timesTested;
    std::vector<int> timesTrained;
};

/// The promises of every plan; what it found besides.
Facts checkPlan(const SplitPlan& plan, const SplitRows& rows)
{
    Facts facts{std::vector<int>(rows.rows, 0), std::vector<int>(rows.rows, 0)};
    for (const Split& split : plan.splits) {
        const auto roles = rolesOf(split, rows.rows);
        if (roles.empty()) {
            QTest::qFail("segments do not cover the rows once each", __FILE__, __LINE__);
            return facts;
        }
        if (windowsTouch(roles, SplitRole::Test, rows.reach) || windowsTouch(roles, SplitRole::Validation, rows.reach))
            QTest::qFail("a window learnt from touches a scored one", __FILE__, __LINE__);
        if (split.rows(SplitRole::Train).empty() || split.rows(SplitRole::Test).empty())
            QTest::qFail("nothing to learn from or to test", __FILE__, __LINE__);
        for (std::size_t r = 0; r < rows.rows; ++r) {
            facts.timesTested[r] += roles[r] == SplitRole::Test ? 1 : 0;
            facts.timesTrained[r] += roles[r] == SplitRole::Train ? 1 : 0;
            if ((roles[r] == SplitRole::WarmUp) != (r < rows.firstUsable))
                QTest::qFail("the warm-up has another length", __FILE__, __LINE__);
        }
    }
    return facts;
}

bool testedTimes(const Facts& facts, std::size_t from, int times)
{
    return std::all_of(facts.timesTested.begin() + static_cast<std::ptrdiff_t>(from), facts.timesTested.end(),
                       [times](int count) { return count == times; });
}

const std::vector<SplitRows> kRows{{20, 1000, {10, 5, 2}}, {0, 777, {0, 0, 0}}, {33, 1234, {40, 0, 1}}, {5, 905, {1, 7, 30}}};

using Segments = std::vector<SplitSegment>;

} // namespace

class TestSplitPlan : public QObject {
    Q_OBJECT

private slots:
    void walkForwardByHand()
    {
        // 100 rows, 10 warm-up, purge 3 + 1 + 1 = 5, two tests of 20, validation of 10.
        const SplitRows rows{10, 100, {3, 1, 1}};
        const SplitPlan plan = walkForward(rows, {.folds = 2, .testRows = 20, .validationRows = 10});
        QCOMPARE(plan.splits.size(), std::size_t{2});
        QVERIFY((plan.splits[0].segments
                 == Segments{{SplitRole::WarmUp, {0, 10}}, {SplitRole::Train, {10, 40}}, {SplitRole::Purged, {40, 45}},
                             {SplitRole::Validation, {45, 55}}, {SplitRole::Purged, {55, 60}}, {SplitRole::Test, {60, 80}}, {SplitRole::Unused, {80, 100}}}));
        QVERIFY((plan.splits[1].segments
                 == Segments{{SplitRole::WarmUp, {0, 10}}, {SplitRole::Train, {10, 60}}, {SplitRole::Purged, {60, 65}},
                             {SplitRole::Validation, {65, 75}}, {SplitRole::Purged, {75, 80}}, {SplitRole::Test, {80, 100}}}));
        const SplitPlan rolling = walkForward(rows, {.start = WalkForwardStart::Rolling, .folds = 2, .testRows = 20, .trainRows = 25});
        QVERIFY((rolling.splits[1].segments
                 == Segments{{SplitRole::WarmUp, {0, 10}}, {SplitRole::Unused, {10, 50}}, {SplitRole::Train, {50, 75}},
                             {SplitRole::Purged, {75, 80}}, {SplitRole::Test, {80, 100}}}));
    }

    void kFoldByHand()
    {
        // 50 rows, five folds of 10, purge 2 on both sides, embargo 3 behind.
        const SplitPlan plan = purgedKFold({0, 50, {1, 0, 1}}, {.folds = 5, .embargoRows = 3});
        QVERIFY((plan.splits[1].segments
                 == Segments{{SplitRole::Train, {0, 8}}, {SplitRole::Purged, {8, 10}}, {SplitRole::Test, {10, 20}}, {SplitRole::Purged, {20, 22}},
                             {SplitRole::Embargo, {22, 25}}, {SplitRole::Train, {25, 50}}}));
        QVERIFY((plan.splits[4].segments == Segments{{SplitRole::Train, {0, 38}}, {SplitRole::Purged, {38, 40}}, {SplitRole::Test, {40, 50}}}));
    }

    void walkForwardKeepsItsPromises()
    {
        for (const SplitRows& rows : kRows)
            for (const std::size_t folds : {1u, 3u, 6u})
                for (const std::size_t validation : {0u, 30u})
                    for (const WalkForwardStart start : {WalkForwardStart::Anchored, WalkForwardStart::Rolling}) {
                        const WalkForwardOptions options{start, folds, 70, validation, 100};
                        const SplitPlan plan = walkForward(rows, options);
                        QCOMPARE(plan.splits.size(), folds);
                        const Facts facts = checkPlan(plan, rows);
                        QVERIFY(testedTimes(facts, rows.rows - folds * 70, 1));
                        QCOMPARE(std::ranges::count(facts.timesTested, 1), static_cast<std::ptrdiff_t>(folds * 70));
                        for (const Split& split : plan.splits) {
                            const RowRange train = split.rows(SplitRole::Train).at(0);
                            QVERIFY(train.last <= split.rows(SplitRole::Test).at(0).first); // learns from the past alone
                            if (start == WalkForwardStart::Anchored)
                                QCOMPARE(train.first, rows.firstUsable);
                            else
                                QCOMPARE(train.size(), std::size_t{100});
                        }
                    }
    }

    void kFoldKeepsItsPromises()
    {
        for (const SplitRows& rows : kRows)
            for (const std::size_t folds : {2u, 5u, 7u})
                for (const std::size_t embargo : {0u, 11u}) {
                    const SplitPlan plan = purgedKFold(rows, {folds, embargo});
                    QCOMPARE(plan.splits.size(), folds);
                    const Facts facts = checkPlan(plan, rows);
                    QVERIFY(testedTimes(facts, rows.firstUsable, 1));
                    for (const Split& split : plan.splits) // nothing is left out without need
                        for (const RowRange& range : split.rows(SplitRole::Embargo))
                            QVERIFY(range.size() <= embargo);
                }
    }

    void combinationsKeepTheirPromises_data()
    {
        QTest::addColumn<int>("groups");
        QTest::addColumn<int>("tests");
        QTest::addColumn<int>("splits"); // binomial(N, k)
        QTest::addColumn<int>("paths");  // binomial(N - 1, k - 1)
        QTest::newRow("6 over 2, the book's example") << 6 << 2 << 15 << 5;
        QTest::newRow("5 over 1 is k-fold") << 5 << 1 << 5 << 1;
        QTest::newRow("8 over 3") << 8 << 3 << 56 << 21;
        QTest::newRow("10 over 2") << 10 << 2 << 45 << 9;
    }
    void combinationsKeepTheirPromises()
    {
        QFETCH(int, groups);
        QFETCH(int, tests);
        QFETCH(int, splits);
        QFETCH(int, paths);
        const SplitRows rows{17, 1500, {4, 2, 3}};
        const SplitPlan plan = combinatorialPurged(rows, {static_cast<std::size_t>(groups), static_cast<std::size_t>(tests), 6});
        QCOMPARE(plan.splits.size(), static_cast<std::size_t>(splits));
        QCOMPARE(plan.paths.size(), static_cast<std::size_t>(paths));
        QVERIFY(testedTimes(checkPlan(plan, rows), rows.firstUsable, paths));
        // A path puts tests of several splits together to one back-test over all rows; no (split, group) serves two paths.
        std::vector<std::pair<std::size_t, std::size_t>> used;
        for (const auto& path : plan.paths) {
            std::vector<int> tested(rows.rows, 0);
            for (std::size_t g = 0; g < path.size(); ++g) {
                used.emplace_back(path[g], g);
                const std::size_t first = 17 + 1483 * g / path.size();
                const std::size_t last = 17 + 1483 * (g + 1) / path.size();
                const auto roles = rolesOf(plan.splits[path[g]], rows.rows);
                for (std::size_t r = first; r < last; ++r)
                    tested[r] += roles[r] == SplitRole::Test ? 1 : 0;
            }
            QVERIFY(std::all_of(tested.begin() + 17, tested.end(), [](int count) { return count == 1; }));
        }
        std::ranges::sort(used);
        QVERIFY(std::ranges::adjacent_find(used) == used.end());
        QCOMPARE(used.size(), static_cast<std::size_t>(splits * tests));
    }

    void aPurgeThatIsOneRowShortIsNoticed()
    {
        const SplitRows rows = kRows[0];
        Split split = purgedKFold(rows, {.folds = 4}).splits[1];
        QVERIFY(!windowsTouch(rolesOf(split, rows.rows), SplitRole::Test, rows.reach));
        for (const std::size_t side : {1u, 3u}) { // the purges before and behind the test
            Split shorter = split;
            for (std::size_t i = 0; i < shorter.segments.size(); ++i)
                if (shorter.segments[i].role == SplitRole::Purged && i == side + 1) {
                    if (side == 1) {
                        shorter.segments[i].rows.first += 1;
                        shorter.segments[i - 1].rows.last += 1;
                    } else {
                        shorter.segments[i].rows.last -= 1;
                        shorter.segments[i + 1].rows.first -= 1;
                    }
                }
            QVERIFY(windowsTouch(rolesOf(shorter, rows.rows), SplitRole::Test, rows.reach));
        }
    }

    void aPictureAndALine()
    {
        const RowClock clock{1514764800, 3600}; // 2018-01-01
        const SplitPlan plan = purgedKFold({0, 48, {1, 0, 0}}, {.folds = 2});
        const Json json = plan.toJson(clock);
        QCOMPARE(json.at("scheme").get<std::string>(), std::string("purged-k-fold"));
        const Json& segments = json.at("splits").at(0).at("segments");
        QCOMPARE(segments.size(), std::size_t{3});
        QCOMPARE(segments.at(0).at("role").get<std::string>(), std::string("test"));
        QCOMPARE(segments.at(0).at("to").get<std::string>(), std::string("2018-01-02T00:00:00Z"));
        QCOMPARE(segments.at(2).at("first_row").get<int>(), 25);
        QCOMPARE(segments.at(2).at("last_row").get<int>(), 48);
        QCOMPARE(plan.toText(clock),
                 std::string("fold 1 of 2: test 0-24 (2018-01-01 to 2018-01-02), purged 24-25 (2018-01-02 to 2018-01-02 01:00), train 25-48 "
                             "(2018-01-02 01:00 to 2018-01-03)\n"
                             "fold 2 of 2: train 0-23 (2018-01-01 to 2018-01-01 23:00), purged 23-24 (2018-01-01 23:00 to 2018-01-02), test 24-48 "
                             "(2018-01-02 to 2018-01-03)\n"));
    }

    void theSplitByTimeHasAPictureToo()
    {
        const TimeSplit split = splitByTime(100, 1100, {.trainShare = 0.7, .validationShare = 0.15, .embargoRows = 40});
        const SplitPlan plan = planOf(split, 100, 1100);
        QVERIFY((plan.splits.at(0).segments
                 == Segments{{SplitRole::WarmUp, {0, 100}}, {SplitRole::Train, {100, 800}}, {SplitRole::Embargo, {800, 840}},
                             {SplitRole::Validation, {840, 950}}, {SplitRole::Embargo, {950, 990}}, {SplitRole::Test, {990, 1100}}}));
    }

    void shortagesAreNamed()
    {
        const SplitRows rows{10, 100, {20, 5, 5}};
        auto failure = failureOf([&] { walkForward(rows, {.folds = 3, .testRows = 25}); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("fold 1 of 3"));
        QVERIFY(failureOf([&] { walkForward(rows, {.folds = 0, .testRows = 5}); }));
        QVERIFY(failureOf([&] { walkForward(rows, {.folds = 2, .testRows = 0}); }));
        QVERIFY(failureOf([&] { walkForward(rows, {.folds = 2, .testRows = 46}); }));
        QVERIFY(failureOf([&] { walkForward(rows, {.start = WalkForwardStart::Rolling, .folds = 2, .testRows = 5}); }));
        failure = failureOf([&] { walkForward({0, 100, {0, 0, 0}}, {.start = WalkForwardStart::Rolling, .folds = 2, .testRows = 20, .trainRows = 61}); });
        QVERIFY(failure && failure->says("60 rows to learn from are left of the 61 wanted"));
        failure = failureOf([&] { purgedKFold(rows, {.folds = 2, .embargoRows = 60}); });
        QVERIFY(failure && failure->says("fold 1 of 2") && failure->says("nothing to learn from"));
        QVERIFY(failureOf([&] { purgedKFold(rows, {.folds = 1}); }));
        QVERIFY(failureOf([&] { purgedKFold(rows, {.folds = 91}); }));
        QVERIFY(failureOf([&] { purgedKFold({100, 100, {}}, {.folds = 2}); }));
        QVERIFY(failureOf([&] { combinatorialPurged(rows, {.groups = 6, .testGroups = 6}); }));
        QVERIFY(failureOf([&] { combinatorialPurged(rows, {.groups = 6, .testGroups = 0}); }));
        failure = failureOf([&] { combinatorialPurged({0, 100000, {}}, {.groups = 40, .testGroups = 20}); });
        QVERIFY(failure && failure->says("more than 5000 splits"));
    }
};

QTEST_APPLESS_MAIN(TestSplitPlan)
#include "tst_split_plan.moc"
