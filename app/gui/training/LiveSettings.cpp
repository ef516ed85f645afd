#include "app/gui/training/LiveSettings.h"

#include <utility>

#include <QGridLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTreeWidget>
#include <QVBoxLayout>

#include "agent/config/ConfigFile.h"
#include "app/gui/shell/Format.h"
#include "app/gui/training/Run.h"

namespace btcai::gui {

LiveSettings::LiveSettings(std::shared_ptr<const RunSelection> selection, const ChartContext&, QWidget* parent)
    : QWidget(parent), m_selection(std::move(selection))
{
    setObjectName(QStringLiteral("liveSettings"));
    m_problem = new QLabel(this);
    m_problem->setProperty("muted", true);
    m_problem->setWordWrap(true);
    m_all = new QTreeWidget(this);
    m_all->setObjectName(QStringLiteral("settingsTable"));
    m_all->setHeaderLabels({tr("Setting"), tr("Value"), tr("Unit"), tr("Name in files"), tr("Meaning")});
    m_all->setRootIsDecorated(false);
    m_all->setSelectionMode(QAbstractItemView::NoSelection);
    m_all->setTextElideMode(Qt::ElideMiddle);
    const int em = fontMetrics().horizontalAdvance(QLatin1Char('m'));
    const int widths[] = {14, 13, 7, 15};
    for (int column = 0; column < 4; ++column)
        m_all->setColumnWidth(column, widths[column] * em);
    m_livePart = buildLivePart();
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_problem);
    layout->addWidget(m_livePart);
    layout->addWidget(m_all, 1);
    setRun(nullptr);
}

QWidget* LiveSettings::buildLivePart()
{
    auto* const card = new QFrame(this);
    card->setProperty("card", true);
    auto* const outer = new QGridLayout(card);
    outer->setContentsMargins(10, 8, 10, 8);
    auto* const title = new QLabel(tr("May be changed now; takes effect with the next iteration"), card);
    title->setProperty("sectionTitle", true);
    title->setIndent(0);
    outer->addWidget(title, 0, 0, 1, 3);
    constexpr int kColumns = 3;
    std::vector<QGridLayout*> grids;
    for (int column = 0; column < kColumns; ++column) {
        auto* const part = new QWidget(card);
        auto* const grid = new QGridLayout(part);
        grid->setContentsMargins(0, 0, 12, 0);
        grid->setColumnStretch(1, 1);
        grids.push_back(grid);
        outer->addWidget(part, 1, column, Qt::AlignTop);
        outer->setColumnStretch(column, 1);
    }
    for (const Field& field : runConfigFields()) {
        if (!field.live)
            continue;
        const auto count = static_cast<int>(m_editors.size());
        auto* const editor = new FieldEditor(field, *grids[static_cast<std::size_t>(count % kColumns)], 2 * (count / kColumns));
        connect(editor, &FieldEditor::edited, this, &LiveSettings::check);
        m_editors.push_back(editor);
    }
    m_apply = new QPushButton(tr("Apply"), card);
    m_apply->setObjectName(QStringLiteral("applySettingsButton"));
    outer->addWidget(m_apply, 2, kColumns - 1, Qt::AlignRight);
    connect(m_apply, &QPushButton::clicked, this, &LiveSettings::apply);
    return card;
}

void LiveSettings::setRun(Run* run)
{
    m_run = run;
    reload();
}

void LiveSettings::reload()
{
    const bool knew = std::exchange(m_known, false) && m_shown == m_run;
    const RunConfig before = m_config;
    m_shown = m_run;
    if (m_run) {
        try {
            m_config = readRecordedConfig(m_run->summary().folder / "run.toml");
            m_known = true;
            m_problem->clear();
        } catch (const std::exception& error) {
            m_problem->setText(m_run->isLive() ? tr("The worker has not written the settings yet.") : QString::fromUtf8(error.what()));
        }
    } else {
        m_problem->setText(tr("No run selected."));
    }
    m_problem->setVisible(!m_known);
    if (knew && m_known && before == m_config) { // what is being typed stays
        m_livePart->setVisible(m_run->isLive());
        check();
        return;
    }
    showConfig();
}

void LiveSettings::showConfig()
{
    const bool live = m_run && m_run->isLive();
    m_livePart->setVisible(m_known && live);
    m_all->setVisible(m_known);
    m_all->clear();
    if (!m_known)
        return;
    for (FieldEditor* editor : m_editors)
        editor->setText(toQString(fieldText(m_config, editor->field())));
    for (const Field& field : runConfigFields()) {
        auto* const item = new QTreeWidgetItem(m_all);
        const QString texts[] = {toQString(field.label), toQString(fieldText(m_config, field)), toQString(field.unit), toQString(field.key),
                                 toQString(field.help)};
        for (int column = 0; column < 5; ++column)
            item->setText(column, texts[column]);
        item->setToolTip(1, texts[1]);
        item->setToolTip(4, texts[4]);
    }
    check();
}

void LiveSettings::check()
{
    bool valid = true;
    bool changed = false;
    RunConfig probe = m_config;
    for (FieldEditor* editor : m_editors) {
        try {
            setFieldText(probe, editor->field(), editor->text().toStdString());
            editor->setError({});
            changed = changed || fieldText(probe, editor->field()) != fieldText(m_config, editor->field());
        } catch (const std::exception& error) {
            editor->setError(QString::fromUtf8(error.what()));
            valid = false;
        }
    }
    m_apply->setEnabled(valid && changed && m_run && m_run->canSetFields());
}

void LiveSettings::apply()
{
    RunConfig next = m_config;
    for (FieldEditor* editor : m_editors) {
        try {
            setFieldText(next, editor->field(), editor->text().toStdString());
        } catch (const std::exception&) {
            return; // check() has told
        }
        const std::string text = fieldText(next, editor->field());
        if (text != fieldText(m_config, editor->field()))
            m_run->setField(toQString(editor->field().key), toQString(text));
    }
    m_config = next;
    showConfig();
}

} // namespace btcai::gui
