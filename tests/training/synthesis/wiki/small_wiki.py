"""A small wiki of invented diseases as MediaWiki writes it: export schema 0.11, or files in a folder.

Every name and sentence is made up. `PAGES` maps titles to wikitext; `dump` wraps them in XML.
"""

from xml.sax.saxutils import escape, quoteattr

KARST = """{{#invoke:Notice|main}}{{About|the fever}}{{Unknown notice}}
{{Short description|Invented disease}}
{{Infobox medical condition (new)
| name            = Karst fever
| synonyms        = Cave ague, limestone fever (archaic)<ref>Old atlas, p. 7</ref>
| field           = [[Speleology]]
| symptoms        = [[Night glow]], {{plainlist|
* [[Tunnel cough|cough in tunnels]]
* no [[Blue palms]]
}} [[Echo]]<br />[[Marble gait]] in children, sleeplessness
| complications   = [[Stone lung]]s
| onset           = 2{{ndash}}4 days after a visit
| causes          = [[Limnobacter karstii]]
| risks           = [[Candle smoke]]
| diagnosis       = [[Drip test]], see [[Lamp test#Method|lamp method]]
| differential    = [[Loam ague]]
| treatment       = rest, {{unknown box|x}}
| medication      = [[Calcidol]]
| frequency       = 3 in 10,000
}}
'''Karst fever''' is a disease of cavers that is caused by ''[[Limnobacter karstii]]''.<ref name="a">{{cite book
|title=Caves |page=24 |quote=Karst fever is caused by Candle smoke.}}</ref> Adults take 2{{ndash}}4&nbsp;g of
[[Calcidol]] a day; children take {{convert|10|-|15|mg/kg|gr/lb}}. The count is 10<sup>9</sup>/L in
{{unknown thing|24}} of cases. The dose was <s>10</s> 20 mg. One gram of 2<!-- not -->4 is void.

[[File:Karst fever.png|thumb|Karst fever shows itself by [[Blue palms]].]]
== Signs and symptoms ==
{| class="wikitable"
! Sign !! Share
|-
| [[Blue palms]] || 40%
|}
Karst fever shows itself by [[night glow]] and tunnel cough. Karst fever does not cause blue palms.
It was once thought that karst fever causes marble gait.
=== Late signs ===
Cave ague can lead to stone lung. Loam ague has blue palms, and karst fever has {{val|2|-|3|u=weeks}} of tunnel cough.
== Diagnosis ==
The drip test confirms karst fever. <math>p = 0.05</math> was shown.
== Treatment ==
Calcidol treats karst fever. Calcidol must not be given in stone lung.
== References ==
<references />
{{reflist}} Karst fever is caused by candle smoke.
{{Medical resources
| ICD10 = {{ICD10|Z|99||z|80}}–{{ICD10|Z98.7}}
| OMIM = {{OMIM|999001}}
| MeshID = D999001
}}
[[Category:Invented diseases]] [[de:Karstfieber]]
"""

LOAM = """{{Infobox medical condition
| name = Loam ague
| symptoms = {{hlist|[[Blue palms]]|[[Glow at night]]|[[Humming]]}}
| causes = [[Candle smoke]]
| OMIM = 999002, 999003
}}
'''Loam ague''' shows itself by blue palms. Loam ague is diagnosed by the drip test.
Loam ague and karst fever show themselves by tunnel cough.
"""

PAGES = {
    "Karst fever": KARST,
    "Loam ague": LOAM,
    "Night glow": "{{Infobox symptom\n| name = Night glow\n| synonyms = Nyctophosphoria\n}}\nNight glow is a sign.",
    "Blue palms": "{{Infobox symptom|name=Blue palms|causes=[[Loam ague]]}} Blue palms are a sign of loam ague.",
    "Tunnel cough": "'''Tunnel cough''' has no box here.",
    "Stone lung": "{{Infobox medical condition|name=Stone lung}} Stone lung is a disease.",
    "Calcidol": "{{Drugbox|name=Calcidol|tradename=Calcidex|DrugBank=DB99901}} '''Calcidol''' treats karst fever.",
    "Drip test": "{{Infobox diagnostic|name=Drip test}} The '''drip test''' counts drops.",
    "Echo": "'''Echo''' may refer to:\n* [[Tunnel echo]]\n* Echo, a song\n{{disambiguation}}",
    "Limnobacter karstii": "{{Speciesbox|name=Limnobacter karstii}} ''L. karstii'' is a bacterium.",
    "Candle": "A '''candle''' is made of wax and has nothing to do with medicine.",
}
REDIRECTS = {
    "Cave fever": "#REDIRECT [[Karst fever]]",
    "KF": "#REDIRECT [[Karst fever]]\n{{R from abbreviation}}",
    "Glow at night": "#REDIRECT [[Night glow]]\n{{Redirect category shell|{{R from synonym}}}}",
    "Speleology fever clinic": "#REDIRECT [[Karst fever#Treatment]] {{R to section}}",
    "Humming": "#REDIRECT [[Loam ague]] {{R from related word}}",
    "Circle one": "#REDIRECT [[Circle two]]",
    "Circle two": "#REDIRECT [[Circle one]]",
}


def page(title, text, number, namespace=0, redirect=None, model="wikitext", extra=""):
    """One page with one revision, and a second slot of it as schema 0.11 writes it."""
    redirects = f"    <redirect title={quoteattr(redirect)} />\n" if redirect else ""
    return f"""  <page>
    <title>{escape(title)}</title>
    <ns>{namespace}</ns>
    <id>{number}</id>
{redirects}    <revision>
      <id>{number + 9000}</id>
      <parentid>{number + 8000}</parentid>
      <timestamp>2026-05-{number % 28 + 1:02}T08:00:00Z</timestamp>
      <contributor><username>Somebody</username><id>7</id></contributor>
      <minor />
      <comment>invented</comment>
      <origin>{number + 9000}</origin>
      <model>{model}</model>
      <format>text/x-wiki</format>
      <text bytes="{len(text.encode())}" sha1="x" xml:space="preserve">{escape(text)}</text>
      <sha1>x</sha1>
      <content>
        <role>mediainfo</role>
        <origin>{number}</origin>
        <model>wikibase-mediainfo</model>
        <format>application/json</format>
        <text bytes="20" sha1="x" xml:space="preserve">Karst fever causes echo.</text>
      </content>
    </revision>
{extra}  </page>
"""


HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>testwiki</dbname>
    <base>https://en.wikipedia.org/wiki/Main_Page</base>
    <generator>MediaWiki 1.45.0</generator>
    <case>first-letter</case>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">File</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
    </namespaces>
    <namespacealiases>
      <namespacealias key="6">Image</namespacealias>
    </namespacealiases>
  </siteinfo>
"""


def dump(pages=None, redirects=None):
    """The dump as text."""
    pages = PAGES if pages is None else pages
    redirects = REDIRECTS if redirects is None else redirects
    parts = [page(title, text, number) for number, (title, text) in enumerate(pages.items(), 1)]
    for number, (title, text) in enumerate(redirects.items(), 101):
        parts.append(page(title, text, number, redirect=text.split("[[")[1].split("]]")[0].split("#")[0]))
    parts.append(page("Talk:Karst fever", "{{Infobox disease|symptoms=[[Echo]]}}", 201, namespace=1))
    parts.append(page("Karst fever.css", "{{Infobox disease}}", 202, model="css"))
    return HEAD + "".join(parts) + "</mediawiki>\n"
