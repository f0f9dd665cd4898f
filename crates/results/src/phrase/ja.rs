//! Japanese.

use super::Phrase;
use crate::text::fill;

pub(crate) fn template(phrase: Phrase) -> &'static str {
    match phrase {
        Phrase::AnswerRecords => "{0} → レコード {1} 件",
        Phrase::AnswerNoData => "{0} → この種類のレコードはありません",
        Phrase::AnswerNoName => "{0} → その名前は存在しません",
        Phrase::AnswerFailed => "{0} → 失敗: {1}",
        Phrase::SpfRecord => "{0} のレコード: \"{1}\"",
        Phrase::TermMatches => "{0} に一致しました",
        Phrase::TermDoesNotMatch => "{0} には一致しませんでした",
        Phrase::TermUndecided => "{0} は判定できませんでした",
        Phrase::SpfNoDomain => "確認すべきドメインがありません（与えられていないか、ドメインの形をしていません）",
        Phrase::SpfNoRecord => "SPF レコードがありません",
        Phrase::SpfCounts => "DNS 検索を伴う項目は {0} 個（上限 {1}）、結果が空だった検索は {2} 回（上限 {3}）",
        Phrase::NoSignature => "メッセージに DKIM-Signature フィールドがありません",
        Phrase::Key => "アルゴリズム {0}",
        Phrase::KeyBits => "アルゴリズム {0}、鍵長 {1} ビット",
        Phrase::Signs => "署名対象のフィールド: {0}",
        Phrase::CoversPart => "署名の範囲は本文 {1} オクテット中の {0} オクテットです",
        Phrase::KeyTesting => "ドメインは試験中です（t=y）",
        Phrase::SignatureRight => "本文のハッシュと署名はどちらも正しい値です",
        Phrase::NoArcSet => "メッセージに ARC セットがありません",
        Phrase::ArcUnchanged => "すべてのメッセージ署名を検証できました（途中で改変されていません）",
        Phrase::ArcChanged => "{0} が封印される前にメッセージが改変されています",
        Phrase::SealerTrusted => {
            "信頼する封印者の一覧にある {0} が {1} で dmarc=pass を記録しているため、ポリシーを適用しません"
        }
        Phrase::NoRecord => "{0} → DMARC レコードはありません",
        Phrase::OrgDomain => "{0} の組織ドメインは {1} です",
        Phrase::AuthorExists => "差出人のドメインは存在します",
        Phrase::AuthorDoesNotExist => "差出人のドメインは存在しません",
        Phrase::Passed => "{0} は {1} について合格: {2}",
        Phrase::FailedForNow => "{0} は {1} について一時的に確認できず: {2}",
        Phrase::AlignedRelaxed => "差出人と一致（relaxed）",
        Phrase::AlignedStrict => "差出人と一致（strict）",
        Phrase::NotAlignedRelaxed => "差出人と不一致（relaxed）",
        Phrase::NotAlignedStrict => "差出人と不一致（strict）",
        Phrase::Policy => "{0} のポリシー: 要求 {1}、実効 {2}、このサーバーでの扱い {3}",
        Phrase::Testing => "ドメインは試験運用中です（t=y）。要求より一段階弱く扱います",
        Phrase::NoPolicy => "差出人のドメインにはポリシーがありません",
        Phrase::NotApplied => "DNS 検索が一時的に失敗したため、ポリシーを適用しません",
        Phrase::OneOfSeveral => "差出人のドメイン {0}: dmarc={1}（複数ある場合は最も悪い結果を採ります）",
        Phrase::RecordedBy => "{0} による記録",
        Phrase::NothingRecorded => "最初の中継より上に、信頼するサーバーのフィールドがありません",
        Phrase::NotBelieved => "{0} のものと称するフィールドがありますが、送信者が書ける位置にあるため信用しません",
        Phrase::Unknown => "このプログラムの知らない結果です",
        Phrase::Because => "理由: {0}",
        Phrase::SpfPass => "{0} は、配送元のサーバーに自ドメインの使用を認めています",
        Phrase::SpfFail => "{0} は、配送元のサーバーに自ドメインの使用を認めていません",
        Phrase::SpfSoftFail => "{0} は、配送元のサーバーを正規のものとして挙げておらず、疑わしいとしています",
        Phrase::SpfNeutral => "{0} は、配送元のサーバーについて何も表明していません",
        Phrase::SpfNone => "{0} は、正規のサーバーの一覧を公開していません",
        Phrase::SpfTempError => "{0} のサーバーの一覧を、受信時に取得できませんでした",
        Phrase::SpfPermError => "{0} のサーバーの一覧に誤りがあります",
        Phrase::DkimPass => "{0} の署名は正しく、署名された部分は改変されていません",
        Phrase::DkimFail => "{0} の署名が合いません。改変されたか、署名が偽物です",
        Phrase::DkimNone => "メッセージに署名がありません",
        Phrase::DkimPolicy => "{0} の署名は正しいものの、弱すぎるため有効とみなしません",
        Phrase::DkimNeutral => "{0} の署名は書式が誤っています",
        Phrase::DkimTempError => "{0} の公開鍵を、受信時に取得できませんでした",
        Phrase::DkimPermError => "{0} の署名は検証できません",
        Phrase::ArcPass => "メッセージを中継したサーバーの記録は途切れていません",
        Phrase::ArcFail => "メッセージを中継したサーバーの記録が壊れています",
        Phrase::ArcNone => "中継したサーバーの記録はありません",
        Phrase::DmarcPass => "上記のいずれかの確認が、差出人 {0} と同じ組織について合格しました",
        Phrase::DmarcFail => "差出人 {0} の組織について合格した確認は、上記にひとつもありません",
        Phrase::DmarcNone => "{0} は DMARC ポリシーを公開していません",
        Phrase::DmarcTempError => "{0} のポリシーを、受信時に取得できませんでした",
        Phrase::DmarcPermError => "差出人が誰なのか判断できません",
        Phrase::AuthPass => "{0} がログインして送信しました",
        Phrase::AsksNothing => "{0} は、不合格の場合の扱いを特に求めていません",
        Phrase::AsksQuarantine => "{0} は、このようなメッセージを疑わしいものとして扱うよう求めています",
        Phrase::AsksReject => "{0} は、このようなメッセージの受信を拒否するよう求めています",
        Phrase::TheSender => "送信者のドメイン",
        Phrase::ReaderGenuine => "このメールは、{0} の承認のもとで送信されたものです。",
        Phrase::ReaderDoubtful => {
            "このメールの差出人は {0} となっていますが、それを裏付けるものがありません。なりすましの可能性があります。"
        }
        Phrase::ReaderUnprotected => {
            "このメールの差出人は {0} となっていますが、{0} は真偽を確かめるための規則を公開していません。"
        }
        Phrase::ReaderUndecided => "このメールが本当に {0} からのものか、受信時には確認できませんでした。",
        Phrase::ReaderNoAuthor => "このメールの差出人が誰なのか判断できません。",
        Phrase::ReaderNothing => "このメールの差出人について、当方のサーバーは何も記録していません。",
        Phrase::AdviceDoubtful => {
            "別の手段で本物だと確認できないかぎり、リンクや添付ファイルを開いたり、返信したりしないでください。"
        }
        Phrase::AdviceForwarded => "メーリングリストや転送が原因で、このような結果になることもあります。",
        Phrase::AdviceGenuine => "確認できたのはドメインだけで、内容の正しさを保証するものではありません。",
    }
}

/// What errors say: the sentence as the error displays it, and the same in Japanese. The first that fits counts; what stands
/// in its places is told in the same way.
pub(crate) const REASONS: &[(&str, &str)] = &[
    // look-ups
    ("timed out", "応答がありませんでした"),
    ("server failure", "DNS サーバーの障害"),
    ("refused", "DNS サーバーが応答を拒否しました"),
    ("DNSSEC validation failed", "DNSSEC の検証に失敗しました"),
    ("malformed answer", "DNS の応答が不正です"),
    // SPF
    ("{0} has no SPF record", "{0} に SPF レコードがありません"),
    ("{0} has {1} SPF records", "{0} に SPF レコードが {1} 件あります"),
    ("the record of {0} is too long", "{0} のレコードが長すぎます"),
    ("the record of {0}: {1}", "{0} のレコード: {1}"),
    ("more than {0} terms that cause DNS look-ups", "DNS 検索を伴う項目が {0} 個を超えています"),
    ("more than {0} void look-ups", "結果が空の検索が {0} 回を超えています"),
    ("more than {0} mail exchangers", "MX が {0} 台を超えています"),
    ("unknown mechanism at byte {0}", "{0} バイト目に未知の機構があります"),
    ("malformed term at byte {0}", "{0} バイト目の項目の書式が誤っています"),
    ("malformed macro at byte {0}", "{0} バイト目のマクロの書式が誤っています"),
    ("malformed domain at byte {0}", "{0} バイト目のドメインの書式が誤っています"),
    ("malformed address at byte {0}", "{0} バイト目のアドレスの書式が誤っています"),
    ("malformed prefix length at byte {0}", "{0} バイト目のプレフィックス長の書式が誤っています"),
    ("`{0}` appears twice, at byte {1}", "`{0}` が重複しています（{1} バイト目）"),
    ("not ASCII at byte {0}", "{0} バイト目が ASCII ではありません"),
    ("the record does not begin with `v=spf1`", "レコードが `v=spf1` で始まっていません"),
    // DKIM
    ("the body hash did not verify", "本文のハッシュが一致しません"),
    ("the signature did not verify", "署名が一致しません"),
    ("the signature expired at {0}", "署名の有効期限が切れています（{0}）"),
    (
        "the signature covers {0} of {1} octets of the body",
        "署名の範囲が本文 {1} オクテット中の {0} オクテットだけです",
    ),
    ("an RSA key of {0} bits is too short", "RSA 鍵が {0} ビットで短すぎます"),
    ("an RSA key of {0} bits is too long", "RSA 鍵が {0} ビットで長すぎます"),
    ("rsa-sha1 is not acceptable", "rsa-sha1 は認められません"),
    ("the signature is not of the last {0} seconds", "署名が直近 {0} 秒以内のものではありません"),
    ("the signature was made in the future", "署名の日時が未来です"),
    (
        "the header fields are as they were signed, only the body was changed",
        "ヘッダーは署名時のままで、本文だけが変更されています",
    ),
    ("the body would pass by the {0} canonicalization", "本文は {0} の正規化であれば一致します"),
    (
        "{0} octets were added below the {1} of the body that was signed",
        "署名された本文（{1} オクテット）の後に {0} オクテットが追加されています",
    ),
    ("the header fields would pass by the {0} canonicalization", "ヘッダーは {0} の正規化であれば一致します"),
    ("it would pass without a {0} field that was added", "追加された {0} フィールドがなければ一致します"),
    ("it would pass without the tag in front of the subject", "件名の先頭に付けられたタグがなければ一致します"),
    ("it would pass if header fields had not been folded", "ヘッダーが途中で折り返されていなければ一致します"),
    ("not evaluated: more than {0} signatures", "署名が {0} 個を超えるため評価していません"),
    ("no key for the signature", "署名に対応する公開鍵がありません"),
    ("the key record: {0}", "鍵レコード: {0}"),
    ("the key was revoked", "鍵は失効しています"),
    ("the key is of another type", "鍵の種類が違います"),
    ("the key does not allow this hash", "鍵がこのハッシュ方式を認めていません"),
    ("the key is not for e-mail", "電子メール用の鍵ではありません"),
    ("the key does not allow subdomains in i=", "鍵が i= のサブドメインを認めていません"),
    ("l={0} is larger than the body of {1} octets", "l={0} が本文の長さ（{1} オクテット）を超えています"),
    ("selector and domain are too long", "セレクターとドメインが長すぎます"),
    ("unknown key type", "未知の鍵の種類です"),
    ("p= holds no key of its type", "p= に該当する種類の鍵が入っていません"),
    ("v= is not `DKIM1` or not the first tag", "v= が `DKIM1` でないか、先頭のタグではありません"),
    ("v= is not 1", "v= が 1 ではありません"),
    ("x= is not after t=", "x= が t= より後になっていません"),
    ("q= names no known query method", "q= に既知の取得方法がありません"),
    ("h= does not list From", "h= に From がありません"),
    ("h= lists too many fields", "h= のフィールドが多すぎます"),
    ("i= is not within d=", "i= が d= の範囲にありません"),
    ("{0}= is missing", "{0}= がありません"),
    ("{0}= is malformed", "{0}= の書式が誤っています"),
    ("not a tag-list", "タグの一覧になっていません"),
    ("expected `name=value` at byte {0}", "{0} バイト目に `名前=値` が必要です"),
    ("a character that is not allowed at byte {0}", "{0} バイト目に使用できない文字があります"),
    ("a second tag of the same name at byte {0}", "{0} バイト目に同じ名前のタグが再び現れています"),
    ("more than {0} tags", "タグが {0} 個を超えています"),
    ("not valid base64", "base64 として不正です"),
    ("not UTF-8", "UTF-8 ではありません"),
    ("the field is too long", "フィールドが長すぎます"),
    // ARC
    ("more than {0} ARC Sets", "ARC セットが {0} 個を超えています"),
    ("i={0} has no {1}", "i={0} に {1} がありません"),
    ("i={0} has more than one {1}", "i={0} に {1} が複数あります"),
    ("there is no set i={0}", "i={0} のセットがありません"),
    ("the seal of i={0} says cv={1}", "i={0} の封印が cv={1} となっています"),
    ("the seal of i={0}: {1}", "i={0} の封印: {1}"),
    ("the message signature of i={0}: {1}", "i={0} のメッセージ署名: {1}"),
    ("i= is not a number from 1 to {0}", "i= が 1 から {0} までの数ではありません"),
    ("cv= is missing or malformed", "cv= がないか、書式が誤っています"),
    ("{0}= has no place in a seal", "封印に {0}= があってはなりません"),
    ("h= covers ARC-Seal", "h= に ARC-Seal が含まれています"),
    // authors
    ("no From field", "From フィールドがありません"),
    ("{0} From fields", "From フィールドが {0} 個あります"),
    ("{0} author domains", "差出人のドメインが {0} 個あります"),
    ("the From field has no address", "From フィールドにアドレスがありません"),
    ("the From field is not UTF-8", "From フィールドが UTF-8 ではありません"),
    ("malformed From field at byte {0}", "From フィールドの {0} バイト目の書式が誤っています"),
    ("malformed address in the From field: {0}", "From フィールドのアドレスの書式が誤っています: {0}"),
    ("an encoded word in an address of the From field", "From フィールドのアドレスに符号化語が使われています"),
    ("an author at an address literal", "差出人のドメインが IP アドレスになっています"),
    ("more than {0} authors", "差出人が {0} 人を超えています"),
    ("a malformed local part", "ローカル部の書式が誤っています"),
    ("a local part of more than 64 octets", "ローカル部が 64 オクテットを超えています"),
    ("more than {0} octets", "{0} オクテットを超えています"),
    ("expected `@` at byte {0}", "{0} バイト目に `@` が必要です"),
    ("a malformed address literal", "アドレスリテラルの書式が誤っています"),
    ("a control character", "制御文字が含まれています"),
    ("expected a path in angle brackets", "山括弧で囲まれたパスが必要です"),
    ("a malformed source route", "送信経路の指定の書き方が正しくありません"),
    ("the domain is empty", "ドメインが空です"),
    ("an empty label at byte {0}", "{0} バイト目に空のラベルがあります"),
    ("a label of more than 63 octets at byte {0}", "{0} バイト目のラベルが 63 オクテットを超えています"),
    ("a character that is not allowed in a domain at byte {0}", "{0} バイト目にドメインで使用できない文字があります"),
    ("a label begins or ends with a hyphen at byte {0}", "{0} バイト目のラベルの端にハイフンがあります"),
    ("not a valid internationalized domain", "国際化ドメイン名として不正です"),
    ("the domain: {0}", "ドメイン: {0}"),
    // header sections
    ("the header section begins with a folded line", "ヘッダーが継続行で始まっています"),
    ("a header line without a colon at byte {0}", "{0} バイト目のヘッダー行にコロンがありません"),
    ("a malformed field name at byte {0}", "{0} バイト目のフィールド名の書式が誤っています"),
    ("a bare CR or LF at byte {0}", "{0} バイト目に単独の CR または LF があります"),
    ("a NUL at byte {0}", "{0} バイト目に NUL があります"),
    ("the header section: {0}", "ヘッダー: {0}"),
    ("the header section is longer than {0} octets", "ヘッダーが {0} オクテットを超えています"),
    ("a header field is longer than {0} octets", "ヘッダーフィールドが {0} オクテットを超えています"),
    ("more than {0} header fields", "ヘッダーフィールドが {0} 個を超えています"),
    // policies
    ("the record does not begin with `v=DMARC1`", "レコードが `v=DMARC1` で始まっていません"),
    ("no valid policy, and no address for reports", "有効なポリシーも、レポートの宛先もありません"),
    // comments and quoted strings
    ("an unclosed comment", "コメントが閉じられていません"),
    ("an unclosed quoted string", "引用文字列が閉じられていません"),
    ("comments nested too deep", "コメントの入れ子が深すぎます"),
    ("expected {0}", "{0} が必要です"),
    // recorded results, sealing
    ("at byte {0}: {1}", "{0} バイト目: {1}"),
    ("more than {0} results or properties", "結果またはプロパティが {0} 個を超えています"),
    ("the chain is marked as broken already", "チェーンはすでに壊れたものとして記されています"),
    ("the chain has {0} sets already", "チェーンにはすでに {0} 個のセットがあります"),
    ("the outcome is not that of this header section", "検証結果がこのヘッダーのものではありません"),
    (
        "Authentication-Results and ARC fields must not be signed",
        "Authentication-Results と ARC のフィールドには署名できません",
    ),
    // keys, signing, names and zones
    ("the key could not sign", "鍵で署名できませんでした"),
    ("no private key in PEM form", "PEM 形式の秘密鍵がありません"),
    (
        "neither an RSA key of 2048 to 4096 bits nor an Ed25519 key",
        "2048 から 4096 ビットの RSA 鍵でも Ed25519 鍵でもありません",
    ),
    ("From is not among the fields to sign", "署名するフィールドに From が含まれていません"),
    ("too many fields to sign", "署名するフィールドが多すぎます"),
    ("the body has a bare CR or LF", "本文に単独の CR または LF があります"),
    ("not JSON: line {0}, column {1}", "JSON ではありません（{0} 行 {1} 桁）"),
    ("an empty label", "空のラベルがあります"),
    ("a label of more than 63 octets", "ラベルが 63 オクテットを超えています"),
    ("a name of more than {0} octets", "名前が {0} オクテットを超えています"),
    // what lint says of keys and signatures
    ("the record should begin with v=DKIM1", "レコードは v=DKIM1 で始めるべきです"),
    (
        "a key of {0} bits: signers should use 2048 or more, verifiers refuse fewer than 1024",
        "鍵が {0} ビットです。署名には 2048 ビット以上を用いるべきで、1024 ビット未満は検証側に拒否されます",
    ),
    (
        "a key of {0} bits: verifiers need not take more than 4096",
        "鍵が {0} ビットです。4096 ビットを超える鍵は検証側で扱えないことがあります",
    ),
    ("p= is empty: the key is revoked, no signature by it passes", "p= が空です。鍵は失効しており、署名は通りません"),
    (
        "t=y: the domain is testing, a failing signature is as none",
        "t=y です。ドメインは試験中で、失敗した署名は署名なしと同じ扱いです",
    ),
    (
        "h= does not list sha256: no signature by this key passes",
        "h= に sha256 がありません。この鍵による署名は通りません",
    ),
    (
        "s= is neither * nor email: the key is not for mail",
        "s= が * でも email でもありません。この鍵はメール用ではありません",
    ),
    ("g= was dropped from DKIM and is ignored", "g= は DKIM から廃止されており、無視されます"),
    ("a tag that is not known is ignored", "未知のタグは無視されます"),
    ("rsa-sha1 is not accepted any more", "rsa-sha1 はもう受け入れられません"),
    ("l= lets anybody append to the body", "l= があると、誰でも本文に追記できます"),
    (
        "{0} is not listed once more than it occurs: another one can be added",
        "{0} が実際の数より一つ多く列挙されていません。もう一つ追加される余地があります",
    ),
    (
        "{0} changes on the way and should not be signed",
        "{0} は配送の途中で変わるため、署名の対象にすべきではありません",
    ),
    ("bh= is no hash of this algorithm", "bh= がこのアルゴリズムのハッシュ値ではありません"),
    ("simple canonicalization does not survive most relays", "simple 正規化は、たいていの中継で署名が壊れます"),
    ("the term at byte {0} leads to no domain name", "{0} バイト目の項がドメイン名になりません"),
    ("at `{0}`: {1}", "`{0}` の箇所: {1}"),
    ("name {0} of the fields to sign is no field name", "署名するフィールドの {0} 番目がフィールド名ではありません"),
    // what lint says of policies
    ("this is no tag and is passed over", "タグではないため、読み飛ばされます"),
    ("{0}= stands before: this one is ignored", "{0}= がすでにあるため、このタグは無視されます"),
    ("{0}= was dropped from DMARC and is ignored", "{0}= は DMARC から廃止されており、無視されます"),
    ("{0}= is not known and is ignored", "{0}= は未知のタグで、無視されます"),
    (
        "{0}= has a value that it does not take: the tag is as none",
        "{0}= の値が正しくありません。タグがないものとして扱われます",
    ),
    (
        "no valid policy, and no address for reports: the record is as none",
        "有効なポリシーも、レポートの宛先もありません。レコードがないのと同じ扱いです",
    ),
    (
        "without a valid p=, sp= and np= the record asks for reports alone, as p=none does",
        "p=、sp=、np= のどれも有効でないため、p=none と同じくレポートだけを求めるレコードになります",
    ),
    (
        "an address is no URI such as mailto:dmarc@example.org: it gets no reports",
        "宛先が mailto:dmarc@example.org のような URI ではないため、レポートが届きません",
    ),
    (
        "p=none without rua=: nothing is asked for, and no report tells what it would change",
        "p=none で rua= がありません。何も求めず、変更の影響を知らせるレポートも届きません",
    ),
    (
        "t=y: the domain is testing, receivers do one level less than asked for",
        "t=y です。ドメインは試験中で、受信側は要求より一段弱く扱います",
    ),
    (
        "{0}= asks for less than p=: whoever spoofs takes a subdomain",
        "{0}= が p= より弱いため、詐称者はサブドメインを使います",
    ),
    // what lint says of SPF records
    (
        "{0} terms cause look-ups: beyond 10 every evaluation is a permerror",
        "DNS 検索を伴う項目が {0} 個あります。10 個を超えると、評価は必ず permerror になります",
    ),
    (
        "{0} terms cause look-ups with those of the records it leads to: beyond 10 it is a permerror for everybody whom no term before lets pass",
        "参照先のレコードを含めると、DNS 検索を伴う項目が {0} 個あります。10 個を超えると、それより前の項目で pass にならない送信元はすべて permerror になります",
    ),
    (
        "a term behind `all` is never reached: remove it or move it",
        "`all` より後の項目は評価されません。削除するか、前に移してください",
    ),
    (
        "`redirect` is ignored where there is an `all`: remove one of them",
        "`all` があると `redirect` は無視されます。どちらかを削除してください",
    ),
    (
        "`ptr` is slow and unreliable, and receivers may skip it: name the addresses",
        "`ptr` は遅くて当てにならず、受信側が無視することもあります。アドレスを直接指定してください",
    ),
    (
        "`+all` lets everybody send in your name: use `-all` or `~all`",
        "`+all` があると、誰でもあなたの名前で送信できます。`-all` か `~all` にしてください",
    ),
    (
        "a /{0} lets many strangers send in your name: narrow it",
        "/{0} では、無関係な多数の送信元があなたの名前で送信できます。範囲を狭めてください",
    ),
    ("the same term stands before: remove it", "同じ項目がすでにあります。削除してください"),
    (
        "the same term stands in the record of {0}: remove one of them",
        "同じ項目が {0} のレコードにもあります。どちらかを削除してください",
    ),
    (
        "{0} octets may not fit into one UDP answer: shorten the record to 450",
        "{0} オクテットは一つの UDP 応答に収まらないことがあります。レコードを 450 以下に短縮してください",
    ),
    (
        "the TXT records of the name take about {0} octets: more than 512 may not fit into one UDP answer",
        "この名前の TXT レコードは合わせて約 {0} オクテットです。512 を超えると一つの UDP 応答に収まらないことがあります",
    ),
    (
        "without `all` or `redirect` others are neutral: end with `-all` or `~all`",
        "`all` も `redirect` もないと、ほかの送信元は neutral になります。末尾に `-all` か `~all` を置いてください",
    ),
    (
        "{0} look-ups find nothing: the third in an evaluation makes it a permerror",
        "結果が空の検索が {0} 回あります。一度の評価で三回目になると permerror になります",
    ),
    (
        "the look-up finds nothing: remove the term, or publish what it asks for",
        "検索の結果が空です。項目を削除するか、検索されるレコードを公開してください",
    ),
    (
        "the look-up failed ({0}): evaluations end in a temperror here",
        "検索に失敗しました（{0}）。評価はここで temperror になります",
    ),
    ("{0} mail exchangers: beyond 10 it is a permerror", "MX が {0} 台あります。10 台を超えると permerror になります"),
    (
        "the target has no SPF record: evaluations end in a permerror here",
        "参照先に SPF レコードがありません。評価はここで permerror になります",
    ),
    (
        "the target has {0} SPF records: evaluations end in a permerror here",
        "参照先に SPF レコードが {0} 件あります。評価はここで permerror になります",
    ),
    (
        "the target's record is malformed: evaluations end in a permerror here",
        "参照先のレコードの書式が誤っています。評価はここで permerror になります",
    ),
    (
        "the target leads back here: evaluations end in a permerror",
        "参照先がここに戻ってきます。評価は permerror になります",
    ),
    (
        "the target's record lets everybody pass, and so does this one",
        "参照先のレコードが全員を pass とするため、このレコードも同じことになります",
    ),
    // what is told of something
    ("{0}: {1}", "{0}: {1}"),
];

/// How deep reasons within reasons are looked for.
const DEPTH: usize = 4;

/// The Japanese of what an error says; nothing if the catalogue does not know it.
pub(crate) fn reason(english: &str) -> Option<String> {
    within(english, DEPTH)
}

fn within(english: &str, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    REASONS.iter().find_map(|(pattern, japanese)| {
        let values = captured(pattern, english)?;
        let told = values.into_iter().map(|value| within(value, depth).unwrap_or_else(|| value.to_owned()));
        Some(fill(japanese, &told.collect::<Vec<String>>()))
    })
}

/// What stands in the places of a pattern, which come in order; nothing if the text is another.
fn captured<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut parts = pattern.split('{').map(|part| part.split_once('}').map_or(part, |(_, literal)| literal));
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut values = Vec::new();
    let mut parts = parts.peekable();
    while let Some(literal) = parts.next() {
        let (value, behind) = match parts.peek() {
            None => (rest.strip_suffix(literal)?, ""),
            Some(_) => rest.split_once(literal)?,
        };
        if value.is_empty() {
            return None;
        }
        values.push(value);
        rest = behind;
    }
    rest.is_empty().then_some(values)
}
