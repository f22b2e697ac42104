"""Labels of target languages as published models have them.

Taken from the model cards and lists of OPUS-MT and the Tatoeba translation challenge.
"""

ENGLISH_TO_MANY = """
abk acm ady afb afh_Latn afr akl_Latn aln amh ang_Latn apc ara arg arq ary arz asm ast avk_Latn awa
aze_Latn bak bam_Latn bel bel_Latn ben bho bod bos_Latn bre brx brx_Latn bul bul_Latn cat ceb ces
cha che chr chv cjy_Hans cjy_Hant cmn cmn_Hans cmn_Hant cor cos crh crh_Latn csb_Latn cym dan deu
dsb dtp dws_Latn egl ell enm_Latn epo est eus ewe ext fao fij fin fkv_Latn fra frm_Latn frr fry fuc
fuv gan gcf_Latn gil gla gle glg glv gom gos got_Goth grc_Grek grn gsw guj hat hau_Latn haw heb
hif_Latn hil hin hnj_Latn hoc hoc_Latn hrv hsb hun hye iba ibo ido ido_Latn ike_Latn ile_Latn ilo
ina_Latn ind isl ita izh jav jav_Java jbo jbo_Cyrl jbo_Latn jdt_Cyrl jpn kab kal kan kat kaz_Cyrl
kaz_Latn kek_Latn kha khm khm_Latn kin kir_Cyrl kjh kpv krl ksh kum kur_Arab kur_Latn lad lad_Latn
lao lat_Latn lav ldn_Latn lfn_Cyrl lfn_Latn lij lin lit liv_Latn lkt lld_Latn lmo ltg ltz lug lzh
lzh_Hans mad mah mai mal mar max_Latn mdf mfe mhr mic min mkd mlg mlt mnw moh mon mri mwl mww mya
myv nan nau nav nds niu nld nno nob nob_Hebr nog non_Latn nov_Latn npi nya oci ori orv_Cyrl oss
ota_Arab ota_Latn pag pan_Guru pap pau pdc pes pes_Latn pes_Thaa pms pnb pol por ppl_Latn prg_Latn
pus quc qya qya_Latn rap rif_Latn roh rom ron rue run rus sag sah san_Deva scn sco sgs shs_Latn
shy_Latn sin sjn_Latn slv sma sme smo sna snd_Arab som spa sqi srp_Cyrl srp_Latn stq sun swe swg
swh tah tam tat tat_Arab tat_Latn tel tet tgk_Cyrl tha tir tlh_Latn tly_Latn tmw_Latn toi_Latn ton
tpw_Latn tso tuk tuk_Latn tur tvl tyv tzl tzl_Latn udm uig_Arab uig_Cyrl ukr umb urd uzb_Cyrl
uzb_Latn vec vie vie_Hani vol_Latn vro war wln wol wuu xal xho yid yor yue yue_Hans yue_Hant zho
zho_Hans zho_Hant zlm_Latn zsm_Latn zul zza
"""

MANY_TO_MANY = """
bos_Cyrl bos_Latn cnr cnr_Latn hbs hbs_Cyrl hbs_Latn hrv srp_Cyrl fil tgl tgl_Latn tgl_Tglg mol ron
swa swc swh kmr kur_Arab kur_Cyrl kur_Latn hmn hnj mww jaa jaa_Bopo jaa_Hira jaa_Kana jaa_Yiii kbp
kbp_Cans kbp_Ethi kbp_Geor kbp_Grek kbp_Hang kbp_Latn kbp_Mlym kbp_Yiii lat lat_Latn mlg plt
msa_Arab msa_Latn zlm_Arab zlm_Latn zsm_Arab zsm_Latn nep npi dty ota_Arab ota_Latn ota_Rohg
ota_Syrc ota_Thaa ota_Yezi fas pes prs pan pan_Guru san san_Deva shi_Latn tlh tlh_Latn tuk tuk_Cyrl
tuk_Latn uig uig_Arab uig_Cyrl uig_Latn xcl_Armn xcl_Latn yue_Hans yue_Hant ara ajp apc arq deu gsw
swg ksh nds got got_Goth ile ile_Latn kaz kaz_Cyrl jbo jbo_Cyrl jbo_Latn
"""

ENGLISH_TO_SERBO_CROATIAN = "bos_Cyrl bos_Latn cnr cnr_Latn hbs hbs_Cyrl hrv srp_Cyrl srp_Latn"

ENGLISH_TO_CHINESE = """
cjy_Hans cjy_Hant cmn cmn_Hans cmn_Hant gan lzh lzh_Hans nan wuu yue yue_Hans yue_Hant nan_Hani
cmn_Kana yue_Hani wuu_Bopo cmn_Latn yue_Hira cmn_Hani lzh_Hang zho zho_Hans zho_Hant lzh_Yiii
"""

ENGLISH_TO_ROMANCE = """
fr fr_BE fr_CA fr_FR wa frp oc ca rm lld fur lij lmo es es_AR es_CL es_CO es_CR es_DO es_EC es_ES
es_GT es_HN es_MX es_NI es_PA es_PE es_PR es_SV es_UY es_VE pt pt_br pt_BR pt_PT gl lad an mwl it
it_IT co nap scn vec sc ro la
"""

ENGLISH_TO_CONSTRUCTED = """
afh afh_Latn avk avk_Latn bzt bzt_Latn dws dws_Latn epo ido ido_Latn igs ile ile_Latn ina ina_Latn
jbo jbo_Cyrl jbo_Latn ldn ldn_Latn lfn lfn_Cyrl lfn_Latn neu nov nov_Latn qya qya_Latn rmv sjn
sjn_Latn tlh tlh_Latn tzl tzl_Latn vol vol_Latn zbl toki_Latn art_x_bolak
"""

CHINESE_OF_OLD = "cmn cn yue ze_zh zh_cn zh_CN zh_HK zh_tw zh_TW zh_yue zhs zht zh"

LISTS = {
    "eng-mul": ENGLISH_TO_MANY,
    "mul-mul": MANY_TO_MANY,
    "eng-hbs": ENGLISH_TO_SERBO_CROATIAN,
    "eng-zho": ENGLISH_TO_CHINESE,
    "en-ROMANCE": ENGLISH_TO_ROMANCE,
    "eng-art": ENGLISH_TO_CONSTRUCTED,
    "ZH": CHINESE_OF_OLD,
}
