#include "app/gui/training/RunForm.h"

#include <algorithm>

#include <QFileInfo>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QToolButton>
#include <QVBoxLayout>

#include "agent/config/ConfigFile.h"
#include "app/gui/shell/Dialogs.h"
#include "app/gui/shell/Format.h"
#include "base/Error.h"

namespace btcai::gui {

namespace {

QString sectionOf(const Field& field)
{
    const std::size_t dot = field.key.find('.');
    return dot == std::string_view::npos ? QString() : toQString(field.key.substr(0, dot));
}

QString sectionTitle(const QString& key)
{
    if (key.isEmpty())
        return RunForm::tr("Market and machine");
    if (key == QLatin1String("train"))
        return RunForm::tr("Training");
    if (key == QLatin1String("quality"))
        return RunForm::tr("Data quality");
    if (key == QLatin1String("augment"))
        return RunForm::tr("Augmentation");
    if (key == QLatin1String("split"))
        return RunForm::tr("Data split");
    if (key == QLatin1String("risk"))
        return RunForm::tr("Risk guard");
    if (key == QLatin1String("explore"))
        return RunForm::tr("Exploration");
    if (key == QLatin1String("sizing"))
        return RunForm::tr("Position size");
    if (key.size() <= 3) // an abbreviation, such as PPO
        return key.toUpper();
    return key.left(1).toUpper() + key.mid(1);
}

/// Fields whose default is another in another bucket.
bool dependsOnBucket(const Field& field)
{
    const std::string first = fieldText(defaultConfig(kBuckets.front()), field);
    return std::ranges::any_of(kBuckets, [&](Bucket bucket) { return fieldText(defaultConfig(bucket), field) != first; });
}

} // namespace

RunForm::RunForm(Dialogs& dialogs, std::function<QString(const QString&)> nameProblem,
                 std::function<QString(const RunConfig&)> freshName, QWidget* parent)
    : QWidget(parent), m_dialogs(dialogs), m_nameProblem(std::move(nameProblem)), m_freshName(std::move(freshName))
{
    setObjectName(QStringLiteral("runForm"));
    auto* const content = new QWidget;
    auto* const sections = new QVBoxLayout(content);
    sections->setContentsMargins(0, 0, 8, 0);
    sections->setSpacing(8);
    buildSections(*sections);
    sections->addStretch(1);
    auto* const scroll = new QScrollArea(this);
    scroll->setObjectName(QStringLiteral("formScroll"));
    scroll->setWidget(content);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);

    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(8);
    auto* const title = new QLabel(tr("New run"), this);
    title->setProperty("heading", true);
    layout->addWidget(title);
    layout->addWidget(scroll, 1);
    layout->addWidget(buildFooter());
    setConfig(defaultConfig(Bucket::Scalping));
}

QWidget* RunForm::buildFooter()
{
    auto* const footer = new QWidget(this);
    auto* const grid = new QGridLayout(footer);
    grid->setContentsMargins(0, 0, 8, 0);
    m_name = new QLineEdit(footer);
    m_name->setObjectName(QStringLiteral("runName"));
    m_name->setToolTip(tr("The name of the run's folder; left empty, one is made of bucket, time and seed"));
    m_nameError = new QLabel(footer);
    m_nameError->setObjectName(QStringLiteral("runName.error"));
    m_nameError->setProperty("error", true);
    m_nameError->setWordWrap(true);
    m_nameError->hide();
    m_summary = new QLabel(footer);
    m_summary->setObjectName(QStringLiteral("formSummary"));
    m_summary->setProperty("error", true);
    m_summary->setWordWrap(true);
    auto* const reset = new QPushButton(tr("Defaults"), footer);
    reset->setObjectName(QStringLiteral("defaultsButton"));
    reset->setToolTip(tr("Sets every field to the default of the bucket, the market data aside"));
    m_start = new QPushButton(tr("Start"), footer);
    m_start->setObjectName(QStringLiteral("startButton"));
    m_start->setProperty("primary", true);
    grid->addWidget(new QLabel(tr("Name"), footer), 0, 0);
    grid->addWidget(m_name, 0, 1, 1, 2);
    grid->addWidget(m_nameError, 1, 0, 1, 3);
    grid->addWidget(m_summary, 2, 0, 1, 3);
    grid->addWidget(reset, 3, 0);
    grid->addWidget(m_start, 3, 1, 1, 2);
    grid->setColumnStretch(1, 1);
    connect(m_name, &QLineEdit::textChanged, this, &RunForm::check);
    connect(m_start, &QPushButton::clicked, this, &RunForm::start);
    connect(reset, &QPushButton::clicked, this, [this] {
        RunConfig config = defaultConfig(m_config.bucket);
        config.data = m_config.data;
        setConfig(config);
    });
    return footer;
}

void RunForm::buildSections(QVBoxLayout& layout)
{
    std::vector<std::pair<QString, std::vector<const Field*>>> groups;
    for (const Field& field : runConfigFields()) {
        const QString key = sectionOf(field);
        if (groups.empty() || groups.back().first != key)
            groups.emplace_back(key, std::vector<const Field*>{});
        groups.back().second.push_back(&field);
    }
    for (const auto& [key, fields] : groups)
        layout.addWidget(buildSection(key, fields));
}

QWidget* RunForm::buildSection(const QString& key, const std::vector<const Field*>& fields)
{
    auto* const card = new QFrame(this);
    card->setProperty("card", true);
    auto* const grid = new QGridLayout(card);
    grid->setContentsMargins(10, 8, 10, 8);
    grid->setVerticalSpacing(4);
    grid->setHorizontalSpacing(8);
    grid->setColumnStretch(1, 1);
    grid->setColumnMinimumWidth(0, fontMetrics().horizontalAdvance(tr("Accounts per stretch")) + 8);
    grid->setColumnMinimumWidth(2, fontMetrics().horizontalAdvance(tr("iterations")));
    auto* const title = new QLabel(sectionTitle(key), card);
    title->setIndent(0);
    title->setProperty("sectionTitle", true);
    grid->addWidget(title, 0, 0, 1, 2);

    Section& section = *m_sections.emplace_back(std::make_unique<Section>());
    section.key = key;
    int row = 1;
    for (const Field* field : fields) {
        const auto browse = [this] {
            return m_dialogs.openFile(this, tr("Market data"), QFileInfo(toQString(m_config.data)).path(),
                                      tr("Market data (*.csv *.csv.gz *.gz *.zip *.h5);;All files (*)"));
        };
        auto* const editor = new FieldEditor(*field, *grid, row, field->key == "data" ? browse : std::function<QString()>{});
        row += 2;
        connect(editor, &FieldEditor::edited, this, [this, editor] { onEdited(editor); });
        m_editors.push_back(editor);
        if (field->advanced)
            section.advanced.push_back(editor);
    }
    if (!section.advanced.empty()) {
        section.more = new QToolButton(card);
        section.more->setObjectName(QStringLiteral("more.") + key);
        section.more->setProperty("link", true);
        section.more->setCheckable(true);
        grid->addWidget(section.more, 0, 1, 1, 2, Qt::AlignRight);
        connect(section.more, &QToolButton::toggled, this, [this, &section](bool on) { showAdvanced(section, on); });
        showAdvanced(section, false);
    }
    return card;
}

void RunForm::showAdvanced(Section& section, bool show)
{
    for (FieldEditor* editor : section.advanced)
        editor->setVisible(show);
    if (m_start)
        check(); // what is wrong in a folded field stands at the foot of the form
    section.more->setText(show ? tr("fewer") : tr("%1 more").arg(section.advanced.size()));
}

FieldEditor* RunForm::editorOf(std::string_view key) const
{
    const auto found = std::ranges::find_if(m_editors, [&](const FieldEditor* e) { return e->field().key == key; });
    return found == m_editors.end() ? nullptr : *found;
}

void RunForm::onEdited(FieldEditor* editor)
{
    const Bucket before = m_config.bucket;
    check();
    if (editor->field().key == "bucket" && m_config.bucket != before)
        applyBucket();
}

void RunForm::applyBucket()
{
    const RunConfig defaults = defaultConfig(m_config.bucket);
    for (FieldEditor* editor : m_editors)
        if (editor->field().key != "bucket" && dependsOnBucket(editor->field()))
            editor->setText(toQString(fieldText(defaults, editor->field())));
    check();
}

void RunForm::setConfig(const RunConfig& config)
{
    m_config = config;
    showConfig();
    check();
}

void RunForm::setDataFile(const QString& path)
{
    editorOf("data")->setText(path);
    check();
}

void RunForm::showConfig()
{
    for (FieldEditor* editor : m_editors)
        editor->setText(toQString(fieldText(m_config, editor->field())));
}

void RunForm::check()
{
    m_problems = 0;
    m_summary->hide();
    for (FieldEditor* editor : m_editors) {
        try {
            setFieldText(m_config, editor->field(), editor->text().toStdString());
            editor->setError({});
        } catch (const std::exception& error) {
            showProblem(editor, QString::fromUtf8(error.what()));
        }
    }
    if (m_problems == 0)
        checkTogether();
    if (const QString problem = dataProblem(); !problem.isEmpty()) {
        showProblem(editorOf("data"), problem);
    }
    const QString nameProblem = m_nameProblem(runName());
    m_nameError->setText(nameProblem);
    m_nameError->setVisible(!nameProblem.isEmpty());
    m_problems += nameProblem.isEmpty() ? 0 : 1;
    m_start->setEnabled(m_problems == 0);
    m_name->setPlaceholderText(m_freshName(m_config));
}

void RunForm::checkTogether()
{
    try {
        validate(m_config);
    } catch (const std::exception& error) {
        const QString message = QString::fromUtf8(error.what());
        const auto named = std::ranges::find_if(m_editors, [&](const FieldEditor* editor) {
            const QString key = toQString(editor->field().key);
            return message.startsWith(key) && !message.mid(key.size(), 1).contains(u'_');
        });
        showProblem(named == m_editors.end() ? nullptr : *named, message);
    }
}

void RunForm::showProblem(FieldEditor* editor, const QString& message)
{
    ++m_problems;
    if (editor)
        editor->setError(message);
    if (editor && editor->isVisible())
        return;
    m_summary->setText(message); // its field is folded away
    m_summary->show();
}

QString RunForm::dataProblem() const
{
    const QString path = toQString(m_config.data);
    const QFileInfo file(path);
    if (path.isEmpty())
        return tr("choose the bars to learn from");
    if (!file.exists())
        return tr("there is no such file");
    return file.isFile() && file.isReadable() ? QString() : tr("not a readable file");
}

bool RunForm::isValid() const { return m_problems == 0; }

QString RunForm::runName() const { return m_name->text().trimmed(); }

QString RunForm::saved() const { return toQString(toToml(m_config)); }

void RunForm::restore(const QString& saved)
{
    if (saved.isEmpty())
        return;
    try {
        setConfig(parseRecordedConfig(saved.toStdString(), "saved form"));
    } catch (const std::exception&) {
        // written by another version: the defaults stand
    }
}

void RunForm::start()
{
    check();
    if (!isValid())
        return;
    const QString name = runName().isEmpty() ? m_freshName(m_config) : runName();
    m_name->clear();
    emit startRequested(m_config, name);
}

} // namespace btcai::gui
