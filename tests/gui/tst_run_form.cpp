// The form of a new run: generated from the field table, checked while typed.
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QToolButton>

#include "GuiTest.h"
#include "agent/config/ConfigFile.h"
#include "app/gui/help/SettingsReference.h"
#include "app/gui/training/RunForm.h"

using namespace btcai;
using namespace btcai::gui;
using namespace btcai::gui::test;

class RunFormTest : public QObject {
    Q_OBJECT
private slots:
    void init()
    {
        m_files = std::make_unique<WindowFixture>();
        m_form = std::make_unique<RunForm>(
            m_files->dialogs, [](const QString& name) { return name == "taken" ? QString("there is a run of that name already") : QString(); },
            [](const RunConfig&) { return QString("fresh"); });
        m_form->resize(340, 700);
        m_form->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_form.get()));
    }

    void everyFieldHasAnEditorWithItsHelp()
    {
        for (const Field& field : runConfigFields()) {
            auto* const editor = m_form->findChild<QWidget*>(QString::fromUtf8(field.key.data(), qsizetype(field.key.size())));
            QVERIFY2(editor, field.key.data());
            QVERIFY(editor->toolTip().contains(QString::fromUtf8(field.help.data(), qsizetype(field.help.size())).toHtmlEscaped()));
        }
    }

    void advancedFieldsAreFoldedUntilAskedFor()
    {
        auto* const width = find<QWidget>(*m_form, "model.width");
        QVERIFY(!width->isVisible());
        click(*m_form, "more.model");
        QVERIFY(width->isVisible());
        click(*m_form, "more.model");
        QVERIFY(!width->isVisible());
    }

    void startNeedsDataThatExists()
    {
        auto* const start = find<QPushButton>(*m_form, "startButton");
        QVERIFY(!start->isEnabled());
        QVERIFY(error("data").contains("choose"));
        type(*m_form, "data", "/nowhere.csv");
        QVERIFY(!start->isEnabled());
        QCOMPARE(error("data"), "there is no such file");
        m_files->dialogs.nextPath = m_files->dataFile;
        click(*m_form, "data.browse");
        QVERIFY(start->isEnabled());
        QCOMPARE(error("data"), "");
        QCOMPARE(m_form->config().data, m_files->dataFile.toStdString());
    }

    void whatIsWrongStandsBesideTheField_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("message");
        QTest::newRow("no number") << "train.steps" << "2e" << "whole number";
        QTest::newRow("out of range") << "costs.taker_fee_bps" << "-1" << "between 0 and 1000";
        QTest::newRow("empty") << "ppo.learning_rate" << "" << "a number";
        QTest::newRow("not finite") << "ppo.learning_rate" << "nan" << "between";
    }
    void whatIsWrongStandsBesideTheField()
    {
        QFETCH(QString, key);
        QFETCH(QString, text);
        QFETCH(QString, message);
        m_form->setDataFile(m_files->dataFile);
        auto* const start = find<QPushButton>(*m_form, "startButton");
        QVERIFY(start->isEnabled());
        const QString before = find<QLineEdit>(*m_form, qPrintable(key))->text();
        type(*m_form, qPrintable(key), text);
        QVERIFY(!start->isEnabled());
        auto* const label = find<QLabel>(*m_form, qPrintable(key + ".error"));
        QVERIFY(label->isVisible());
        QVERIFY2(label->text().contains(message), qPrintable(label->text()));
        type(*m_form, qPrintable(key), before);
        QVERIFY(start->isEnabled());
        QVERIFY(!label->isVisible());
    }

    void fieldsThatMustAgreeAreCheckedTogether()
    {
        m_form->setDataFile(m_files->dataFile);
        click(*m_form, "more.model");
        type(*m_form, "model.lookback_bars", "145");
        QVERIFY(error("model.lookback_bars").contains("multiple of model.patch_bars"));
        QVERIFY(!m_form->isValid());
        click(*m_form, "more.model"); // folded, it is told at the foot
        auto* const summary = find<QLabel>(*m_form, "formSummary");
        QVERIFY(summary->isVisible());
        QVERIFY(summary->text().contains("model.lookback_bars"));
    }

    void anotherBucketBringsItsDefaultsAndKeepsTheRest()
    {
        type(*m_form, "costs.taker_fee_bps", "7");
        auto* const bucket = find<QComboBox>(*m_form, "bucket");
        bucket->setFocus();
        QTest::keyClick(bucket, Qt::Key_End);
        QCOMPARE(bucket->currentText(), "long");
        const RunConfig expected = defaultConfig(Bucket::Long);
        QCOMPARE(m_form->config().model.lookbackBars, expected.model.lookbackBars);
        QCOMPARE(m_form->config().model.horizons, expected.model.horizons);
        QCOMPARE(m_form->config().ppo.gamma, expected.ppo.gamma);
        QCOMPARE(m_form->config().costs.takerFeeBps, 7.0);
        click(*m_form, "defaultsButton");
        QCOMPARE(m_form->config().costs.takerFeeBps, expected.costs.takerFeeBps);
        QCOMPARE(m_form->config().bucket, Bucket::Long);
    }

    void aWheelThatScrollsTheFormChangesNothing()
    {
        auto* const bucket = find<QComboBox>(*m_form, "bucket");
        QWheelEvent wheel(QPointF(5, 5), bucket->mapToGlobal(QPointF(5, 5)), {}, {0, -120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
        QApplication::sendEvent(bucket, &wheel);
        QCOMPARE(bucket->currentText(), "scalping");
    }

    void startGivesTheConfigurationAndAName()
    {
        m_form->setDataFile(m_files->dataFile);
        QSignalSpy started(m_form.get(), &RunForm::startRequested);
        type(*m_form, "seed", "42");
        auto* const allowShort = find<QCheckBox>(*m_form, "account.allow_short");
        QTest::mouseClick(allowShort, Qt::LeftButton, {}, QPoint(7, allowShort->height() / 2));
        click(*m_form, "startButton");
        QCOMPARE(started.count(), 1);
        QCOMPARE(started[0][0].value<RunConfig>().seed, 42);
        QCOMPARE(started[0][0].value<RunConfig>().account.allowShort, true);
        QCOMPARE(started[0][1].toString(), "fresh");
        type(*m_form, "runName", "taken");
        QVERIFY(!find<QPushButton>(*m_form, "startButton")->isEnabled());
        QVERIFY(find<QLabel>(*m_form, "runName.error")->isVisible());
        type(*m_form, "runName", "mine");
        click(*m_form, "startButton");
        QCOMPARE(started[1][1].toString(), "mine");
    }

    void theFormIsRememberedAndNonsenseIsIgnored()
    {
        type(*m_form, "seed", "99");
        const QString saved = m_form->saved();
        type(*m_form, "seed", "1");
        m_form->restore(saved);
        QCOMPARE(m_form->config().seed, 99);
        QCOMPARE(find<QLineEdit>(*m_form, "seed")->text(), "99");
        m_form->restore("no = [toml");
        m_form->restore("unknown.field = 3");
        QCOMPARE(m_form->config().seed, 99);
    }

    void theReferenceListsEveryField()
    {
        const QString html = settingsReferenceHtml();
        for (const Field& field : runConfigFields())
            QVERIFY(html.contains(QString("<code>%1</code>").arg(QString::fromUtf8(field.key.data(), qsizetype(field.key.size())))));
        QVERIFY(html.contains("long: 4032"));
    }

private:
    QString error(const QString& key)
    {
        auto* const label = find<QLabel>(*m_form, qPrintable(key + ".error"));
        return label->isVisible() ? label->text() : QString();
    }

    std::unique_ptr<WindowFixture> m_files;
    std::unique_ptr<RunForm> m_form;
};

BTCAI_GUI_TEST(RunFormTest)
#include "tst_run_form.moc"
