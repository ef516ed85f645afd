#include "app/gui/help/HelpDialog.h"

#include <QDialogButtonBox>
#include <QLineEdit>
#include <QTextBrowser>
#include <QVBoxLayout>

namespace btcai::gui {

HelpDialog::HelpDialog(const QString& title, const QString& html, QSize size, QWidget* parent) : QDialog(parent)
{
    setWindowTitle(title);
    setAttribute(Qt::WA_DeleteOnClose);
    auto* const text = new QTextBrowser(this);
    text->setObjectName(QStringLiteral("helpText"));
    text->setHtml(html);
    auto* const search = new QLineEdit(this);
    search->setObjectName(QStringLiteral("helpSearch"));
    search->setPlaceholderText(tr("Find"));
    search->setClearButtonEnabled(true);
    connect(search, &QLineEdit::returnPressed, this, [text, search] {
        if (!text->find(search->text())) {
            text->moveCursor(QTextCursor::Start); // once around
            text->find(search->text());
        }
    });
    auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* const layout = new QVBoxLayout(this);
    layout->addWidget(search);
    layout->addWidget(text, 1);
    layout->addWidget(buttons);
    resize(size);
}

} // namespace btcai::gui
