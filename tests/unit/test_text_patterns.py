"""What has a form is found where it stands, what only looks like it is not, and no text takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from effacer_server.engine.text import validators
from effacer_server.engine.text.pattern_forms import fold
from effacer_server.engine.text.patterns import Patterns
from effacer_server.engine.text.spans import resolve
from effacer_server.policy.text import default_info_types, info_types

WANTED = frozenset(info_types()) - {"PERSON_NAME", "LOCATION", "ORGANIZATION_NAME"}
DEFAULT = frozenset(default_info_types())
PATTERNS = {"all": Patterns(WANTED), "default": Patterns(DEFAULT)}


def found(text: str, vr: str = "LO", wanted: str = "all") -> list[tuple[str, str]]:
    return [(text[one.start : one.end], one.info_type) for one in resolve(PATTERNS[wanted].candidates(text, vr))]


def marked(line: str) -> tuple[str, str]:
    """The text, and what is marked with [ ] in it, of a test's line."""
    before, _, rest = line.partition("⟦")
    value, _, after = rest.partition("⟧")
    return before + value + after, value


# One line is one text; the part to find stands in ⟦ ⟧.
POSITIVE = {
    "EMAIL_ADDRESS": """
        mail ⟦jane.doe+rad@st-mary.example.org⟧ for images
        ⟦j_smith@hospital.co.uk⟧
        contact:⟦a@b.io⟧.
        <⟦Anna.Mayer@Klinik-Sued.DE⟧>
        send to ⟦radiology (at) clinic (dot) org⟧ please
        Müller, ⟦mueller@uni-köln.de⟧
        ⟦o'brien@nhs.net⟧,tel
    """,
    "URL": """
        see ⟦https://pacs.example.org/viewer?study=1.2.3⟧.
        (⟦http://10.1.2.3:8080/wado⟧)
        ⟦www.radiology-berlin.de⟧
        images at ⟦portal.stmarys.org/patient/77⟧ today
        ⟦ftp://host/path⟧, done
        visit ⟦hospital.com⟧
        ⟦ukb.uni-bonn.de⟧
    """,
    "IP_ADDRESS": """
        PACS ⟦10.20.30.41⟧
        sent from ⟦192.168.1.17⟧ port 104
        IP: ⟦8.8.4.4⟧
        host ⟦1.2.3.4⟧ down
        ⟦172.16.254.1⟧:11112
        ⟦203.0.113.77⟧
        node ⟦2001:db8::8a2e:370:7334⟧
        addr ⟦fe80::1⟧
        AE CT1 at ⟦134.96.7.250⟧.
    """,
    "MAC_ADDRESS": """
        NIC ⟦00:1A:2b:3C:4d:5E⟧
        ⟦00-1A-2B-3C-4D-5E⟧
        mac addr ⟦001A2B3C4D5E⟧
        ⟦001a.2b3c.4d5e⟧ on port 3
        00:11:22 eth0 ⟦10:22:33:44:55:66⟧
    """,
    "IBAN_CODE": """
        ⟦DE89370400440532013000⟧
        IBAN ⟦GB29 NWBK 6016 1331 9268 19⟧ ok
        pay ⟦FR14 2004 1010 0505 0001 3M02 606⟧, thanks
        ⟦nl91abna0417164300⟧
        CH: ⟦CH93 0076 2011 6238 5295 7⟧
    """,
    "CREDIT_CARD_NUMBER": """
        visa ⟦4111111111111111⟧
        ⟦4111-1111-1111-1111⟧ exp 09/27
        amex ⟦3782 822463 10005⟧
        ⟦5500 0000 0000 0004⟧
        paid ⟦6011000990139424⟧.
        ⟦30569309025904⟧
        ⟦4222222222222⟧
    """,
    "US_SOCIAL_SECURITY_NUMBER": """
        SSN ⟦123-45-6789⟧
        ⟦212-09-4321⟧
        SSN: ⟦123456789⟧
        social security number ⟦123 45 6789⟧
        ss# ⟦219099998⟧
        pt ⟦078-05-1121⟧ - verified
        SSN ⟦xxx-xx-6789⟧
        SSN last 4: ⟦6789⟧
    """,
    "US_INDIVIDUAL_TAXPAYER_IDENTIFICATION_NUMBER": """
        ITIN ⟦912-70-1234⟧
        ⟦900-88-4567⟧
        tax id: ⟦912701234⟧
    """,
    "US_VEHICLE_IDENTIFICATION_NUMBER": """
        VIN ⟦1M8GDM9AXKP042788⟧
        ⟦1HGCM82633A004352⟧ MVA
        vin: ⟦wvwzzz1jzxw000001⟧
    """,
    "SWIFT_CODE": """
        SWIFT ⟦PQRSGB2L⟧
        BIC: ⟦MHKLDEFFXXX⟧
        ⟦DEUTDEFF⟧
        wire to bank, code ⟦ABNANL2A⟧ please
        ⟦CHASUS33XXX⟧
    """,
    "US_HEALTHCARE_NPI": """
        NPI ⟦1234567893⟧
        Dr Smith NPI#: ⟦1245319599⟧
        provider ID ⟦1234567893⟧
    """,
    "PHONE_NUMBER": """
        call ⟦555-123-4567 x22⟧
        ⟦(212) 555-0187⟧
        tel ⟦212.555.0187⟧
        +1: ⟦+1 212 555 0187⟧ today
        ⟦1-800-555-0199⟧
        ph ⟦5551234567⟧
        call ⟦555-1234⟧ stat
        ⟦+49 30 4505780⟧
        Tel. ⟦030/450-5780⟧
        ⟦+44 (0)20 7946 0958⟧
        ⟦020 7946 0958⟧
        tél ⟦01 42 34 56 78⟧
        ⟦001-555-123-4567x123⟧
        pager ⟦12345⟧
        fax: ⟦617 555 0134⟧
        ⟦617-555-0134⟧ 03/09/2011
        ⟦+41 44 123 45 67⟧
        ⟦+33 1 42 34 56 78⟧ 03/09/2011
        Contact number is ⟦0171 2345678⟧
    """,
    "DATE": """
        ⟦20110903⟧
        ⟦2011-09-03⟧
        ⟦03/09/2011⟧
        prior ⟦9/3/11⟧
        ⟦9/3/11⟧ CHEST PA
        ⟦03.09.2011⟧ Kontrolle
        ⟦03.09.11⟧
        CT ⟦09SEP2011⟧
        ⟦Sept 3rd, 2011⟧ exam
        on ⟦3 September 2011⟧.
        ⟦SEP 2011⟧
        ⟦3. März 2011⟧
        le ⟦3 août 2011⟧
        ⟦3 de septiembre de 2011⟧
        ⟦3 settembre 2011⟧
        ⟦3 maart 2011⟧
        ⟦3 de março de 2011⟧
        seen ⟦Sep 3rd⟧ in clinic
        ⟦20110903123456.000000+0100⟧
        CT_HEAD_⟦20110903⟧_1
        ⟦2011/09/03⟧ 12:30
        since ⟦09/2011⟧ stable
        ⟦29/02/2012⟧
        ⟦09-Sep-11⟧
        ⟦September 3, 2011⟧
        dated ⟦090311⟧
        done on ⟦9/13⟧ with contrast
        ⟦2011年9月3日⟧
        ⟦2011.09.03⟧
    """,
    "DATE_OF_BIRTH": """
        DOB ⟦09SEP2011⟧
        D.O.B.: ⟦03/09/1965⟧
        born ⟦3 September 1965⟧
        birth date ⟦1965-09-03⟧
        geb. ⟦03.09.1965⟧
        geb. am ⟦3.9.65⟧
        né(e) le ⟦03/09/1965⟧
        née le ⟦3 août 1965⟧
        DOB:⟦19650903⟧
        dob ⟦090365⟧
        fecha de nacimiento: ⟦03-09-1965⟧
        born in ⟦1965⟧
        Geburtsdatum ⟦03.09.1965⟧
        nato il ⟦3/9/1965⟧
    """,
    "AGE": """
        ⟦65Y⟧
        ⟦065Y⟧ CHEST
        ⟦65 yo⟧ with cough
        aged ⟦65⟧
        ⟦65-year-old⟧ woman here
        ⟦3 mo old⟧ infant
        Age: ⟦065Y⟧
        ⟦65 y/o⟧ fall
        ⟦72⟧M s/p fall
        ⟦65 years old⟧
        ⟦006M⟧ HIP US
        pt is ⟦65 years⟧
        ⟦65-jährige⟧ Patientin
        patient de ⟦65 ans⟧
        Alter ⟦65⟧
        AGE ⟦65⟧, diabetic
        ⟦65 y.o.⟧ here
        (⟦65⟧/M) trauma
    """,
    "TIME": """
        at ⟦12:30⟧
        ⟦12:30:45.123⟧
        ⟦2 pm⟧ scan
        ⟦14h30⟧
        ⟦14.30 Uhr⟧
        ⟦1430h⟧
    """,
    "GENDER": """
        ⟦Female⟧ pelvis
        sex: ⟦M⟧
        ⟦männlich⟧
        Geschlecht: ⟦w⟧
    """,
    "MEDICAL_RECORD_NUMBER": """
        MRN ⟦0012345⟧
        MR# ⟦A-123456⟧
        Pt ID ⟦998877⟧
        Patient ID: ⟦AB12345X⟧
        MRN:⟦123-45-67⟧
        med rec no ⟦4455667⟧ chest
        MRN⟦0012345⟧
        mrn is ⟦7654321⟧.
        MRN ⟦001 234 567⟧
        Hospital no. ⟦H123456⟧
        chart # ⟦44556⟧
        NHS no ⟦943 476 5919⟧
        Patienten-ID ⟦778899⟧
        ID: ⟦0012345⟧
        medical record number ⟦12345678⟧ 3 mm
        M.R.N. ⟦0099887⟧
    """,
    "ACCESSION_NUMBER": """
        Acc# ⟦1234567⟧
        Accession ⟦RAD-2011-004512⟧
        accession number: ⟦A0045121⟧
        ACC ⟦99887766⟧
        order no ⟦5544332⟧
    """,
    "PASSPORT": """
        passport ⟦123456789⟧
        Passport No: ⟦C01X00T47⟧
        US passport number ⟦A12345678⟧
        Reisepass-Nr. ⟦C4FKH2RW1⟧
    """,
    "US_DRIVERS_LICENSE_NUMBER": """
        DL ⟦D1234567⟧
        driver's lic ⟦S123-456-78-901-0⟧
        DL# CA ⟦A1234567⟧
        Drivers license: ⟦12345678⟧
        Driver License no. ⟦WDLAB456DG⟧
    """,
    "STREET_ADDRESS": """
        ⟦123 Main Street⟧
        lives at ⟦42 Oak Ave Apt 5⟧ with wife
        ⟦1600 PENNSYLVANIA AVE⟧
        ⟦77 N 5th St⟧
        ⟦4512 Maple Ln⟧
        ⟦123 Main St, Springfield, IL 62701⟧
        P.O. box: ⟦PO Box 1234⟧
        ⟦Hauptstraße 12⟧
        wohnt ⟦Lindenallee 7a⟧
        ⟦12 rue de la Paix⟧
        ⟦Calle Mayor 12⟧
        ⟦Via Roma 5⟧
        ⟦Kerkstraat 12⟧
        ⟦9872 Jennifer Ramp Suite 233⟧
        ⟦350 Fifth Avenue⟧
        ⟦10 Downing Street⟧
    """,
}

# Nothing at all is to be found in these.
NEGATIVE = """
    CT HEAD W/O 3mm KERNEL H30s
    syngo 4.0.0.1
    v1.2.3.4
    Software version 10.2.3.4
    VB17 rel 20.4.100.12
    1.2.840.10008.5.1.4.1.1.2
    1.3.12.2.1107.5.2.6.24119.30000013121716094326500000394
    1.2.840.113619.2.55
    matrix 512x512
    512 512 1024
    3.0mm
    b-values 0 50 400 800
    b 1000-2000-3000
    TR/TE 2000/10
    TE 12/10/20
    TR 4500 TE 90
    1/2/3
    levels 1/2/10
    ratio 1/2/30
    Phase 20-80%
    Image 20 of 120
    series 1/2/12
    dose 12.50.10 mg
    120 kVp 250 mAs 0.625 mm
    Lens +2.50 -1.25 x 090
    20/20 vision OU
    T2 TSE SAG 3/3
    5 yr follow-up
    3 months post op
    6 mo f/u nodule
    3 year old stent
    for 10 years
    24F catheter
    Im Verlauf 2
    Zur Kontrolle 2011
    3 square lesions
    Vitrea 6.7.4.1
    page 12345
    T1 MPRAGE 1.0 x 1.0 x 1.0
    CTDIvol 12.3 DLP 456.7
    CPT 71260-26
    3 day old hematoma
    EXT ROT 45
    Visit week 12
    GA 12w3d
    12 Fr drain
    Y-90 90Y microspheres
    64 SLICE CT
    2 VIEW CHEST
    CHEST 2 VIEWS DR
    3 MM ST
    ST elevation
    2 axillary LN
    SAGITTAL
    ABDOMEN PELVIS WITH CONTRAST
    dL 12 mg/dL 5
    1.2 mg/dL 20
    ACC FACTOR 4
    acceleration 2
    MR 3 Tesla
    MR 1234
    30/02/2011
    000-12-3456
    666-12-3456
    4111 1111 1111 1112
    DE89370400440532013001
    1M8GDM9A1KP042788
    1234567890
    Bone age 12 years
    Series ID 123456
    MAR 3 mm
    HOSPITAL TRANSFER FACILITY
    IOD, Mayden 1982
    HANDGRIP
    may 3 mm gap
    OCT 12 macula
    ratio 1:20
    3.0T MR 750w
    Gd 0.1 mmol/kg
    AXIAL 5/5
    iMAR 2000
    FLAIR 256x192
    300/50 ms
    pH 7.35
    Kernel B31f 1.5
    (0008,0050)
    0008 0050
    e.g. head.no contrast
    W.Contrast
    T1.SE.FS
    1.25 mm x 0.9
    Lot 20110903
    build 20110903
    S/N 555-123-4567
    LUMBAR SPINE 2-3 VWS
    DWI b50_400_800
    ep2d_diff_3scan_trace_p2
    t1_mprage_sag_p2_iso_1.0
    PET 18F-FDG 370 MBq
    Grade 2/3
    GCS 15/15
    12 lead ECG
    70 kg 175 cm
    SUV 3.5-4.2
    Window 400/40
    W/L 1500/-600
    dilution 1:1000
    std::vector
    1:1 12:1
    phase 40-50-60
    L4-5 L5-S1
    C5/6 C6/7
    Zoom 1.5x
    120/80 mmHg
"""


def lines(block: str) -> list[str]:
    return [line.strip() for line in block.strip().split("\n")]


@pytest.mark.parametrize(
    ("info_type", "line"), [(info_type, line) for info_type, block in POSITIVE.items() for line in lines(block)]
)
def test_found_exactly(info_type: str, line: str) -> None:
    text, value = marked(line)
    assert (value, info_type) in found(text)
    only = Patterns(frozenset({info_type}))
    spans = resolve(only.candidates(text, "LO"))
    assert [(text[one.start : one.end], one.info_type) for one in spans] == [(value, info_type)]
    assert spans[0].start == line.index("⟦")


@pytest.mark.parametrize("text", lines(NEGATIVE))
@pytest.mark.parametrize("vr", ["LO", "LT"])
def test_nothing_found(text: str, vr: str) -> None:
    assert found(text, vr, "default") == []


@pytest.mark.parametrize(
    ("vr", "text", "expected"),
    [
        ("DA", "20110903", [("20110903", "DATE")]),
        ("DA", "2011.09.03", [("2011.09.03", "DATE")]),
        ("DA", "20110903-20110910", [("20110903-20110910", "DATE")]),
        ("DT", "2011", [("2011", "DATE")]),
        ("DT", "20110903123456.000+0100 ", [("20110903123456.000+0100", "DATE")]),
        ("TM", "123456.789", [("123456.789", "TIME")]),
        ("TM", "12", [("12", "TIME")]),
        ("AS", "065Y", [("065Y", "AGE")]),
        ("AS", "003D", [("003D", "AGE")]),
        ("DA", "", []),
        ("TM", "n/a", []),
    ],
)
def test_by_vr(vr: str, text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text, vr) == expected


def test_only_what_is_wanted() -> None:
    text = "DOB 09SEP2011 12:30 male Acc# 1234567"
    assert [kind for _, kind in found(text)] == ["DATE_OF_BIRTH", "TIME", "GENDER", "ACCESSION_NUMBER"]
    assert [kind for _, kind in found(text, wanted="default")] == ["DATE_OF_BIRTH"]
    dates = resolve(Patterns(frozenset({"DATE"})).candidates(text, "LO"))
    assert [one.info_type for one in dates] == ["DATE"]
    assert Patterns(frozenset({"PERSON_NAME"})).candidates(text, "LO") == []


def test_several_in_one_text() -> None:
    text = "65 yo M, MRN 0012345, DOB 03/09/1965, call 617-555-0134 or j.doe@x.org"
    assert found(text, wanted="default") == [
        ("65 yo", "AGE"),
        ("0012345", "MEDICAL_RECORD_NUMBER"),
        ("03/09/1965", "DATE_OF_BIRTH"),
        ("617-555-0134", "PHONE_NUMBER"),
        ("j.doe@x.org", "EMAIL_ADDRESS"),
    ]


HOSTILE = [
    *(
        "a.",
        "A-",
        "1.",
        "@",
        "a@",
        "1-",
        "http://",
        " ",
        "1",
        "a",
        "A1",
        "1 ",
        "1/",
        "01/02/11 ",
        "::",
        ":",
        "1:",
        "f:",
    ),
    *(
        "DE89 ",
        "GB29",
        "555-",
        "(555) ",
        "+1 ",
        "0171 ",
        "65 y ",
        "MRN ",
        "MRN 1",
        "Acc#",
        "3 Sep ",
        "Sep 3 ",
        "12 Main St ",
    ),
    *(
        "rue de ",
        "1 a ",
        "DEUTDEFF ",
        "www.",
        "a.com",
        "-",
        ".",
        "x",
        "é",
        "\u65e5",
        "é@",
        "\n",
        "11.11.",
        "2011-",
        "00",
        "PO Box ",
    ),
    *(
        "DOB 1",
        "1 rue de la ",
        "call 5",
        "Am A",
        "Strase ",
        "xxx-xx-",
        "'",
        '"@',
        "a (at) ",
        "Apt 1 ",
        "4111 ",
        "1,",
        "DL CA ",
    ),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_take_linear_time(piece: str) -> None:
    patterns = PATTERNS["all"]

    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        best = 9.0
        for _ in range(3):
            begun = time.process_time()
            patterns.candidates(text, "UT")
            best = min(best, time.process_time() - begun)
        return best

    seconds(1000)  # the automata are built when first needed
    # Eight times the text takes eight times as long, twice that on a busy machine; quadratic work, 64 times.
    assert seconds(32_768) < 24 * seconds(4096) + 0.05


PARTS = st.sampled_from(
    [*HOSTILE, "MRN 12345 ", "Müller ", "1.2.3.4 ", "aged 65", "日本 ", "\U0001f600", "\udc80", "09SEP2011"]
)


@given(
    st.one_of(st.text(max_size=80), st.lists(PARTS, max_size=12).map("".join)),
    st.sampled_from(["LO", "DA", "AS", "UT"]),
)
def test_spans_lie_in_the_text(text: str, vr: str) -> None:
    for one in PATTERNS["all"].candidates(text, vr):
        assert 0 <= one.start < one.end <= len(text)
        assert one.info_type in WANTED
        assert not text[one.start].isspace()
        assert not text[one.end - 1].isspace()


@given(st.text(max_size=60))
def test_folding_keeps_offsets(text: str) -> None:
    assert len(fold(text)) == len(text)


def test_check_digits() -> None:
    assert validators.luhn("79927398713")
    assert not validators.luhn("79927398710")
    assert validators.vin("11111111111111111")
    assert validators.iban("BE68539007547034")
    assert not validators.iban("BE68539007547035")
    assert not validators.ssn("900121234")
    assert validators.itin("900701234")
    assert not validators.itin("900931234")
    assert validators.npi("1234567893")
    assert not validators.npi("1234567890")
    assert validators.day(2012, 2, 29)
    assert not validators.day(2011, 2, 29)
    assert validators.bic("DEUTDEFF500")
    assert not validators.bic("CONTRAST")
