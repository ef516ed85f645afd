#include "app/gui/help/SettingsReference.h"

#include <QStringList>

#include "agent/config/Field.h"
#include "app/gui/shell/Format.h"
#include "base/BuildInfo.h"

namespace btcai::gui {

namespace {

QString escaped(std::string_view text) { return toQString(text).toHtmlEscaped(); }

QString rangeOf(const Field& field)
{
    if (!field.choices.empty()) {
        QStringList choices;
        for (const std::string_view choice : field.choices)
            choices << escaped(choice);
        return choices.join(QStringLiteral(", "));
    }
    if (field.maximum > field.minimum)
        return QStringLiteral("%1 to %2").arg(QString::number(field.minimum, 'g', 12), QString::number(field.maximum, 'g', 12));
    return {};
}

QString defaultOf(const Field& field)
{
    const QString first = toQString(fieldText(defaultConfig(kBuckets.front()), field));
    QStringList each;
    bool differs = false;
    for (const Bucket bucket : kBuckets) {
        const QString text = toQString(fieldText(defaultConfig(bucket), field));
        differs = differs || text != first;
        each << QStringLiteral("%1: %2").arg(toQString(bucketSpec(bucket).name), text.toHtmlEscaped());
    }
    return differs && field.key != "bucket" ? each.join(QStringLiteral("<br>")) : first.toHtmlEscaped();
}

} // namespace

QString settingsReferenceHtml()
{
    QString html = QStringLiteral("<p>The same names are used in the form, in <code>run.toml</code> and on the command line "
                                  "(<code>btcai train --ppo.clip_range 0.1</code>).</p>"
                                  "<table cellspacing='0' cellpadding='6' width='100%'><tr><th align='left'>Name</th><th align='left'>Default</th>"
                                  "<th align='left'>Range</th><th align='left'>Meaning</th></tr>");
    for (const Field& field : runConfigFields())
        html += QStringLiteral("<tr><td><b>%1</b><br><code>%2</code></td><td>%3%4</td><td>%5</td><td>%6%7</td></tr>")
                    .arg(escaped(field.label), escaped(field.key), defaultOf(field),
                         field.unit.empty() ? QString() : u' ' + escaped(field.unit), rangeOf(field), escaped(field.help),
                         field.live ? QStringLiteral(" <i>May be changed while the run goes on.</i>") : QString());
    return html + QStringLiteral("</table>");
}

QString aboutHtml()
{
    return QStringLiteral("<h2>BTC-AI Workbench %1</h2><p>Reinforcement-learning research on Bitcoin markets.</p>"
                          "<p>Revision %2, Qt %3</p>"
                          "<p>Free software under the GNU General Public License, version 3 or later. Built on Qt, QCustomPlot, libtorch, "
                          "HDF5, spdlog, Eigen and others.</p>"
                          "<p>What it shows is a simulation on past data. It is no advice and no promise of profit.</p>")
        .arg(QLatin1String(buildInfo().version), QLatin1String(buildInfo().revision), QLatin1String(qVersion()));
}

} // namespace btcai::gui
